"""Whether fakes are what was asked for: their classes, and what their codes tell."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.configuration.build import build
from ganforge.sampling.latent import Latent
from ganforge.scoring.drawing import Drawing

from ..conftest import TINY

QUICK = [
    *TINY["mlp"], "data.image_size=16", "data.batch_size=8", "images=16", "evaluate_every=16", "metrics.images=40",
    "metrics.extractor.epochs=2", "logger=none", "callbacks.samples.count=8",
]  # fmt: skip
CODES = {"categorical": [2, 3], "continuous": 1}
KNOWS = SimpleNamespace(name="judge", needs={"images", "labels"})


def drawing(codes: Any = None, classes: int | None = None, extractor: Any = KNOWS) -> Drawing:
    sampler: Any = SimpleNamespace(latent=Latent(9, "normal", codes), num_classes=classes)
    return Drawing(sampler, extractor, 60, 0, torch.arange(3))


def sure(classes: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(classes, 3).float()


def test_fakes_of_the_class_asked_for_are_counted() -> None:
    asked = drawing(classes=3)
    labels = asked.all_inputs().label
    assert labels is not None
    assert asked.scores(sure(labels)) == {"class_accuracy_judge": 1}
    wrong = labels.clone()
    wrong[:15] = (wrong[:15] + 1) % 3
    assert asked.scores(sure(wrong)) == {"class_accuracy_judge": 0.75}
    assert asked.scores_of_real(sure(torch.tensor([0, 1, 2])), torch.tensor([0, 1, 1])) == {
        "class_accuracy_judge": pytest.approx(2 / 3)
    }


def test_the_code_that_tells_most_counts_however_classes_are_numbered() -> None:
    asked = drawing(CODES)
    code = asked.all_inputs().start[:, 5:8].argmax(1)
    assert asked.scores(sure((code + 1) % 3)) == {"code_accuracy_judge": 1}
    shares = asked.all_inputs().start[:, 3:8].mean(0)
    collapsed = asked.scores(sure(torch.zeros(60, dtype=torch.long)))
    assert collapsed["code_accuracy_judge"] == pytest.approx(shares.max().item())


@pytest.mark.parametrize("choice", [{}, {"codes": {"continuous": 2}}])
def test_nothing_is_asked_where_nothing_was_chosen(choice: dict) -> None:
    assert drawing(**choice).scores(torch.zeros(60, 3)) == {}
    assert drawing(CODES, 3, SimpleNamespace(name="blind", needs={"images"})).scores(torch.zeros(60, 3)) == {}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["condition=projection"], "class_accuracy_classifier"),
        (["condition=auxiliary"], "class_accuracy_classifier"),
        (["condition=codes"], "code_accuracy_classifier"),
        ([], None),
    ],
)
def test_a_run_records_it_beside_what_held_out_images_get(
    composed: Callable[..., DictConfig], tmp_path: Path, words: list[str], name: str | None
) -> None:
    chosen = [] if name is None else [f"metrics.monitor={name}", "metrics.mode=max"]
    build(composed(*QUICK, *words, *chosen)).fit()
    (record,) = lines(tmp_path)
    new = {score for score in record["scores"] if "accuracy" in score}
    assert new == ({name} if name else set())
    assert {score for score in record["real"]["scores"] if "accuracy" in score} == new
    assert not any("accuracy" in entry for entry in record["stamp"] if entry != "extractor_accuracy")
    if name == "class_accuracy_classifier":
        assert record["real"]["scores"][name] == pytest.approx(record["stamp"]["extractor_accuracy"], abs=1e-4)
    if name is not None:
        assert 0 <= record["scores"][name] <= 1


def test_against_training_images_it_is_still_held_out_ones_that_stand_beside(
    composed: Callable[..., DictConfig],
) -> None:
    run = build(composed(*QUICK, "condition=projection", "metrics.images=400"))
    evaluator = run.trainer.callbacks[3].evaluator
    evaluator.reference = "train"
    evaluator.prepare(run.data, torch.device("cpu"), run.system.sampler())
    some = run.data.held_out_split.at(slice(400))
    right = (evaluator.extractor(some.images)[1].argmax(1) == some.labels).double().mean().item()
    assert evaluator.real_scores["class_accuracy_classifier"] == pytest.approx(right)


def test_a_score_that_the_generator_does_not_have_cannot_be_monitored(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(ValueError, match="monitor=class_accuracy_classifier is not one of the scores"):
        build(composed(*QUICK, "metrics.monitor=class_accuracy_classifier")).fit()
