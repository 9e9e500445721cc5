"""Scores of translations: what they are held against, in both directions, and what copying the source would score."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ganforge.configuration.build import build
from ganforge.interfaces import Batch, Inputs
from ganforge.metrics.likeness import likeness
from ganforge.pretrained import from_pretrained
from ganforge.sampling.sampler import Sampler
from ganforge.scoring.translation import DomainTranslation, Translation

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = [
    "data.image_size=16", "data.batch_size=8", "images=48", "evaluate_every=24", "metrics.images=40",
    "metrics.extractor.epochs=1", "logger=csv", "callbacks.samples.count=8",
]  # fmt: skip


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


class Same(nn.Module):
    """Gives its sources back."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        return source


def test_a_network_that_copies_scores_what_a_copy_does(composed: Compose) -> None:
    run = build(composed(*TINY["pix2pix"], *QUICK))
    evaluator = run.trainer.callbacks[3].evaluator
    evaluator.prepare(run.data, torch.device("cpu"))
    numbers = evaluator.numbers()
    scores = evaluator.score(evaluator.features(evaluator.fakes(Sampler(Same()), numbers), numbers))
    assert scores == pytest.approx(evaluator.copied_scores)
    held_out = run.data.held_out_split.at(slice(40))
    by_hand = likeness(held_out.sources, held_out.images).double().mean(0).tolist()
    assert [scores[name] for name in ("l1", "psnr", "ssim")] == pytest.approx(by_hand)
    assert not {"l1", "class_kept_classifier"} & evaluator.real_scores.keys()


def test_classes_that_are_kept_are_those_of_the_sources(composed: Compose) -> None:
    run = build(composed(*TINY["pix2pix"], *QUICK))
    extractor = run.trainer.callbacks[3].evaluator.extractor
    translation = Translation(run.data, extractor, 6)
    logits = nn.functional.one_hot(run.data.held_out_split.labels[:6], 10).float()
    logits[4] = logits[4].roll(1)
    fakes = run.data.held_out_split.images[:6]
    agreement = translation.agreement(fakes, logits, torch.arange(6))
    assert dict(zip(translation.names, agreement.T.tolist(), strict=True))["class_kept_classifier"] == [
        1,
        1,
        1,
        1,
        0,
        1,
    ]
    assert agreement[:, 0].tolist() == [0] * 6


@pytest.mark.parametrize(("channels", "into", "expected"), [(1, 3, [9, 9, 9]), (3, 1, [60]), (3, 3, [30, 60, 90])])
def test_copies_have_the_channels_of_the_translations(channels: int, into: int, expected: list[int]) -> None:
    pixel = torch.tensor([9] if channels == 1 else [30, 60, 90], dtype=torch.uint8)

    class Data:
        held_out_sources = Batch(pixel.view(1, -1, 1, 1).expand(1, -1, 4, 4))
        gives = frozenset({"sources"})

    class Extractor:
        needs = frozenset({"images"})

    translation = Translation(Data(), Extractor(), 5)  # type: ignore[arg-type]
    assert translation.copies(into)[0, :, 0, 0].tolist() == expected
    assert translation.names == ()


def test_a_run_records_likeness_beside_what_copying_scores(composed: Compose, tmp_path: Path) -> None:
    run = build(composed(*TINY["pix2pix"], *QUICK, "metrics.monitor=l1"))
    run.fit()
    records = lines(tmp_path)
    assert [record["images_seen"] for record in records] == [24, 48]
    for record in records:
        assert next(iter(record["scores"])) == "l1"
        assert record["copied"]["scores"].keys() == record["scores"].keys()
        assert record["copied"]["images"] == record["stamp"]["fake_images"] == 40
        assert record["stamp"]["sources"]
        assert 0 < record["scores"]["l1"] < 1
    best = min(records, key=lambda record: record["scores"]["l1"])
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["progress"]["images_seen"] == best["images_seen"]


def test_no_more_fakes_are_scored_than_there_are_sources(composed: Compose, tmp_path: Path) -> None:
    build(composed(*TINY["pix2pix"], *QUICK, "metrics.images=5000", "images=24")).fit()
    (record,) = lines(tmp_path)
    assert record["stamp"]["fake_images"] == record["stamp"]["real_images"] == 899


def test_a_cyclegan_is_scored_in_both_directions(composed: Compose, tmp_path: Path) -> None:
    run = build(composed(*TINY["cyclegan"], *QUICK))
    run.fit()
    forward = [record for record in lines(tmp_path) if "by" not in record]
    backward = [record for record in lines(tmp_path) if record.get("by") == "b_to_a"]
    assert len(forward) == len(backward) == 2
    assert forward[0]["stamp"]["data"] != backward[0]["stamp"]["data"]
    assert backward[0]["stamp"]["direction"] == "b_to_a"
    for here, there in zip(forward, backward, strict=True):
        assert here["copied"]["scores"]["l1"] == pytest.approx(there["copied"]["scores"]["l1"])
        assert here["scores"]["l1"] != there["scores"]["l1"]
    assert run.system.progress.scores == pytest.approx(forward[-1]["scores"])
    names = {path.name for path in (tmp_path / "run").glob("*.safetensors")}
    assert names == {"generator.safetensors", "backward_generator.safetensors"}


def test_translations_without_counterparts_have_no_likeness(composed: Compose, tmp_path: Path) -> None:
    """Two data sets as domains; classes are still kept or not."""
    archive = tmp_path / "letters.npz"
    np.savez(
        archive, images=np.random.default_rng(0).integers(0, 256, (60, 16, 16), np.uint8), labels=np.arange(60) % 10
    )
    words = [word for word in TINY["cyclegan"] if not word.startswith("view=")]
    words += ["data=two_sets", "data@data.source=digits", "data@data.target=arrays", f"data.target.path={archive}"]
    build(composed(*words, *QUICK, "metrics.images=10")).fit()
    record = next(record for record in lines(tmp_path) if "by" not in record)
    assert "l1" not in record["scores"]
    assert 0 <= record["scores"]["class_kept_classifier"] <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=pix2pix"], "Use view=edges, or data=pairs"),
        (["model=cyclegan"], "Use view=edges, data=domains or data=two_sets"),
        (["model=dcgan", "view=edges"], "view=edges is for a model that translates"),
        ([*TINY["pix2pix"], "augment=diffaugment"], "augment= is for discriminators of images from noise"),
        ([*TINY["cyclegan"], "condition=projection"], "the discriminator of this model takes no labels"),
        ([*TINY["pix2pix"], "system=cyclegan"], "model= has no backward_generator"),
        ([*TINY["pix2pix"], "system=gan"], "model= has no latent"),
        ([*TINY["pix2pix"], "callbacks=two_directions"], "callbacks=two_directions goes with model=cyclegan"),
        ([*TINY["pix2pix"], "metrics.monitor=nonsense"], "metrics.monitor=nonsense is not one of the scores: .* l1"),
    ],
)
def test_what_does_not_translate_is_refused(composed: Compose, words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*words, *QUICK)).fit()


DOMAINS = [*TINY["stargan"], "data=coloured_digits", "data.held_out=0.03"]


def test_translations_between_domains_are_held_against_their_counterparts(composed: Compose) -> None:
    """Of the same digit, in the colour of the target, which is never the source's own."""
    run = build(composed(*DOMAINS, *QUICK))
    data, extractor = run.data, run.trainer.callbacks[3].evaluator.extractor
    translation = DomainTranslation(data, extractor, 100)
    own, target, shape = data.held_out_split.labels[:100], translation.labels, data.held_out_split.images[:100].amax(1)
    assert target is not None and translation.truth is not None
    assert not (own == target).any() and target.bincount(minlength=10).min() > 5
    assert torch.equal(translation.truth.amax(1), shape)
    places = [(data.held_out_split.labels == label).nonzero()[0, 0] for label in range(10)]
    colours = data.held_out_split.images[torch.stack(places)].amax((2, 3)).gt(180)
    for number in (0, 47, 99):
        assert torch.equal(translation.truth[number].amax((1, 2)).gt(180), colours[target[number]])
    reached = nn.functional.one_hot(target, 10).float()
    perfect = translation.agreement(translation.truth, reached, torch.arange(100)).mean(0).tolist()
    assert dict(zip(translation.names, perfect, strict=True)) | {"psnr": 0} == {
        "l1": 0, "psnr": 0, "ssim": 1, "target_reached_classifier": 1,
    }  # fmt: skip
    assert translation.scores_of_real(reached, target) == {"target_reached_classifier": 1}
    assert torch.equal(translation.inputs(torch.tensor([3, 5])).label, target[[3, 5]])


def test_a_run_between_domains_records_both_and_leaves_their_names(composed: Compose, tmp_path: Path) -> None:
    run = build(composed(*DOMAINS, *QUICK, "images=80", "evaluate_every=80"))
    run.fit()
    (record,) = lines(tmp_path)
    assert {"l1", "psnr", "ssim", "target_reached_classifier"} <= record["scores"].keys()
    assert record["copied"]["scores"]["target_reached_classifier"] < 0.5
    assert (
        record["real"]["scores"]["target_reached_classifier"] > record["copied"]["scores"]["target_reached_classifier"]
    )
    translator = from_pretrained(tmp_path / "run")
    assert translator.domains[:2] == ("red", "orange") and len(translator.domains) == 10
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    expected = run.system.sampler().images(Inputs(pictures, torch.tensor([4, 4])))
    torch.testing.assert_close(translator.translate(pictures, target="cyan"), expected, rtol=1e-5, atol=1e-5)


def test_classes_without_names_have_numbers(composed: Compose, tmp_path: Path) -> None:
    words = [*TINY["stargan"], "data.image_size=16", "data.batch_size=8", "metrics=none", "logger=none", "images=8"]
    build(composed(*words, "loss=hinge")).fit()
    translator = from_pretrained(tmp_path / "run")
    pictures = torch.rand(1, 1, 16, 16) * 2 - 1
    assert torch.equal(translator.translate(pictures, target="7"), translator.translate(pictures, target=7))
