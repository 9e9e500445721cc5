"""A classifier from few labels: its terms against the paper's formulas, and what may never reach them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.nn import functional as F

from ganforge.artifacts.records import read_lines
from ganforge.configuration.build import build
from ganforge.interfaces import Batch
from ganforge.launch.transfer import begin_with
from ganforge.pretrained import from_pretrained

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = [
    "metrics=none", "logger=none", "data.image_size=16", "data.batch_size=10", "data.labels=20", "images=80",
    "evaluate_every=40",
]  # fmt: skip
WORDS = [*TINY["improved_gan"], *QUICK]


def weights(experiment: object) -> Tensor:
    return torch.cat([value.flatten() for value in experiment.system.parameters()])  # type: ignore[attr-defined]


def judging(config: DictConfig) -> Any:
    """A system between two rounds, with a discriminator that adds no noise."""
    run = build(config)
    system: Any = run.system
    system.trainer = run.trainer
    system.discriminator.eval()
    return system


def batch() -> Batch:
    return Batch(torch.rand(10, 1, 16, 16) * 2 - 1, labelled=Batch(torch.rand(10, 1, 16, 16) * 2 - 1, torch.arange(10)))


@pytest.mark.parametrize("words", [TINY["improved_gan"], [*TINY["dcgan"], "system=semi_supervised", "loss=minimax"]])
def test_terms_are_twice_the_papers(composed: Compose, words: list[str]) -> None:
    """L_labelled + L_unlabelled of section 5, in the form of the authors' code, where D has K logits or K + 1."""
    system = judging(composed(*words, *QUICK))
    about = batch()
    drawn = system.draw(about)
    terms = system.discriminator_terms(about, drawn)

    def log_odds(images: Tensor) -> Tensor:
        verdict = system.discriminator(images)
        if words == TINY["improved_gan"]:
            return verdict.classes.exp().sum(1).log()
        fake = -system.discriminator.last(system.discriminator.layers(images)).flatten()
        shares = torch.cat([verdict.classes, fake[:, None]], 1).softmax(1)
        return (shares[:, :-1].sum(1) / shares[:, -1]).log()

    real, fake = log_odds(about.images), log_odds(drawn.images)
    unlabelled = -0.5 * real.mean() + 0.5 * F.softplus(real).mean() + 0.5 * F.softplus(fake).mean()
    classes = system.discriminator(about.labelled.images).classes
    labelled = -classes.log_softmax(1)[torch.arange(10), about.labelled.labels].mean()
    assert terms["adversarial"].item() == pytest.approx(2 * unlabelled.item(), rel=1e-4)
    assert terms["classes"].item() == pytest.approx(2 * labelled.item(), rel=1e-4)


def test_the_generator_matches_features_and_minimises_the_loss_only_on_request(composed: Compose) -> None:
    system = judging(composed(*WORDS))
    about = batch()
    drawn = system.draw(about)
    means = [system.discriminator(images).features.mean(0) for images in (about.images, drawn.images)]
    terms = system.generator_terms(about, drawn)
    assert terms.keys() == {"feature_matching"}
    assert terms["feature_matching"].item() == pytest.approx((means[0] - means[1]).square().mean().item(), rel=1e-4)
    both = judging(composed(*WORDS, "system.generator_loss=0.5"))
    terms = both.generator_terms(about, both.draw(about))
    assert terms.keys() == {"adversarial", "feature_matching"}


@pytest.mark.parametrize("unlabelled", ["true", "false"])
def test_labels_outside_of_the_subset_never_reach_the_loss(composed: Compose, unlabelled: str) -> None:
    def trained(outside: int | None, **chosen: int) -> Tensor:
        words = [f"data.{key}={value}" for key, value in chosen.items()]
        experiment = build(composed(*WORDS, f"system.unlabelled={unlabelled}", *words))
        data = experiment.data
        if outside is not None:
            labels = torch.full_like(data.stored.labels, outside)
            labels[data.chosen] = data.stored.labels[data.chosen]
            data.stored = data.stored._replace(labels=labels)
        experiment.fit()
        return weights(experiment)

    untouched = trained(None)
    assert torch.equal(trained(10**6), untouched)
    assert not torch.equal(trained(None, labels_seed=1), untouched)


def test_a_run_leaves_the_averaged_classifier_of_its_end_and_says_its_error(composed: Compose, tmp_path: Path) -> None:
    experiment = build(composed(*WORDS, "metrics=classifier", "metrics.extractor.epochs=1", "metrics.images=20"))
    experiment.data.class_names = [f"digit {number}" for number in range(10)]
    experiment.fit()
    classifier = from_pretrained(tmp_path / "run" / "classifier.safetensors")
    averaged = experiment.system.averaged_discriminator.state_dict()
    assert all(torch.equal(tensor, averaged[name]) for name, tensor in classifier.network.state_dict().items())
    assert classifier.class_names == experiment.data.class_names
    held_out = experiment.data.held_out_split.to_unit_range(torch.float32)
    answers = classifier.classify(held_out.images)
    assert torch.allclose(answers.sum(1), torch.ones(len(answers)))
    lines = [line for line in read_lines(tmp_path / "run" / "metrics.jsonl") if line.get("by") == "test_error"]
    assert [line["images_seen"] for line in lines] == [40, 80]
    wrong = (answers.argmax(1) != held_out.labels).double().mean().item()
    assert lines[-1]["scores"] == {"test_error": pytest.approx(wrong, abs=2e-3)}
    assert {"labels": 20, "labels_seed": 0, "real_images": len(answers)}.items() <= lines[-1]["stamp"].items()
    assert len(read_lines(tmp_path / "run" / "metrics.jsonl")) == 4
    assert not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()


def test_labelled_images_alone_leave_the_generator_as_it_was(composed: Compose) -> None:
    experiment = build(composed(*WORDS, "system.unlabelled=false", "regularizer=[]"))
    before = copy.deepcopy(experiment.system)
    experiment.fit()
    assert experiment.system.progress.images_seen == 80
    for player, moved in (("generator", False), ("discriminator", True)):
        pairs = zip(getattr(before, player).parameters(), getattr(experiment.system, player).parameters(), strict=True)
        assert any(not torch.equal(one, other) for one, other in pairs) == moved
    assert experiment.system.progress.latest.keys() >= {"discriminator/classes"}


def test_networks_start_from_the_first_batch_once(composed: Compose, tmp_path: Path) -> None:
    experiment = build(composed(*TINY["improved_gan_conv"], *QUICK, "images=10"))
    assert not experiment.system.discriminator.last.norm.started
    experiment.fit()
    assert experiment.system.discriminator.last.norm.started
    assert experiment.system.generator.layers[-2].norm.started
    scales = [value for name, value in experiment.system.discriminator.named_buffers() if name.endswith("norm.scale")]
    assert all(scale.unique().numel() > 1 for scale in scales)
    other = build(composed(*TINY["improved_gan_conv"], *QUICK, "seed=1"))
    begin_with(tmp_path / "run", other.system)
    before = copy.deepcopy(other.system.discriminator.state_dict())
    other.system.discriminator.start_from(torch.rand(8, 1, 16, 16))
    after = other.system.discriminator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items()), "weights of another run stay"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*TINY["mlp"], "data.labels=20"],
            "data.labels=20 is for a classifier that learns from few: use system=semi_s",
        ),
        ([*TINY["improved_gan"], "data.labels=25"], "data.labels=25 cannot be shared equally by 10 classes"),
        ([*TINY["improved_gan"], "data.labels=5000"], "data.labels=5000 are 500 of each class"),
        ([*TINY["improved_gan"], "data.labels=0"], "data.labels=0 should be"),
        ([*TINY["mlp"], "system=semi_supervised", "condition=none"], "does not classify with this condition"),
        ([*TINY["mlp"], "condition=classes"], "condition=classes goes with system=semi_supervised"),
        ([*TINY["improved_gan"], "regularizer=[]"], "the generator has nothing to minimise: use regularizer=feature_m"),
        ([*TINY["improved_gan"], "regularizer=[lecam]"], "the generator has nothing to minimise"),
        ([*TINY["improved_gan"], "system.classes=-1"], "system.classes must not be negative"),
        ([*TINY["improved_gan"], "data=mixture2d"], "needs class labels, and mixture2d has none"),
        ([*TINY["mlp"], "callbacks=semi_supervised"], "callbacks=semi_supervised goes with system=semi_supervised"),
        ([*TINY["improved_gan"], "condition=projection"], "takes no labels. Leave condition= out"),
    ],
)
def test_what_makes_no_sense_is_refused(composed: Compose, words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*words, "metrics=none", "logger=none", "images=8")).fit()


def test_class_names_and_labels_are_in_the_file_and_the_fingerprint(composed: Compose, tmp_path: Path) -> None:
    experiment = build(composed(*WORDS, "images=10"))
    assert experiment.system.hparams["data"]["labels"] == 20
    assert experiment.system.hparams["data"]["labels_seed"] == 0
    experiment.fit()
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / "classifier.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts == {"images_seen": 10, "scores": {}, "class_names": None}
