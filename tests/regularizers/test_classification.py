"""The auxiliary classifier's terms: by hand, and whom they teach."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from scipy.special import log_softmax

from ganforge.configuration.build import build
from ganforge.interfaces import Batch
from ganforge.regularizers.classification import Classification

from ..conftest import TINY
from ..product import QUICK
from .turns import turn, verdict

REAL, FAKE = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 1.0]]), np.array([[0.0, 4.0, 1.0], [2.0, 2.0, 2.0]])
LABELS = [2, 1]


def cost(logits: np.ndarray) -> float:
    return -log_softmax(logits, axis=1)[[0, 1], LABELS].mean()


@pytest.mark.parametrize("on_fakes", [True, False])
def test_terms_are_the_papers(on_fakes: bool) -> None:
    """Equation 3 of Odena et al. 2017; on two fakes of which nothing is known about the second it is log 3 there."""
    about = turn(
        verdict(2, classes=torch.from_numpy(REAL)), verdict(2, classes=torch.from_numpy(FAKE)), torch.tensor(LABELS)
    )
    term = Classification(0.5, on_fakes=on_fakes)
    assert term.discriminator(about).item() == pytest.approx(0.5 * (cost(REAL) + on_fakes * cost(FAKE)))
    assert term.generator(about).item() == pytest.approx(0.5 * cost(FAKE))
    assert -log_softmax(FAKE, axis=1)[1, 1] == pytest.approx(math.log(3))


def test_terms_are_in_float32() -> None:
    low = verdict(2, classes=torch.tensor(REAL).bfloat16())
    assert Classification().generator(turn(None, low, torch.tensor(LABELS))).dtype == torch.float32


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("model", ["dcgan", "acgan", "sngan"])
def test_each_player_learns_from_its_term_alone(composed: Callable[..., DictConfig], model: str, player: str) -> None:
    """Without the adversarial terms: the classifier and what is below it, or the generator and its labels."""
    system = build(composed(*TINY[model], *QUICK, "data.image_size=16", "condition=auxiliary")).system
    batch = Batch(torch.randn(4, 1, 16, 16), torch.tensor([1, 2, 3, 4]))
    drawn = system.draw(batch)
    if player == "discriminator":
        drawn = drawn._replace(images=drawn.images.detach())
    about = system.turn_about(batch, drawn)
    getattr(system.regularizers.member("classes"), player)(about).backward()
    learned = {name for name, weight in system.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert "discriminator.head.classes.weight" in learned  # frozen in the generator's turn by the system
    assert any(name.startswith("generator.") for name in learned) == (player == "generator")
    assert not any(name.startswith("discriminator.last.") for name in learned)
    assert len([name for name in learned if name.startswith("discriminator.")]) > 3


def test_what_is_classified_learns_its_classes(composed: Callable[..., DictConfig]) -> None:
    words = ["model.discriminator.hidden=[64]", "optimizer.discriminator.lr=2e-3", "data.batch_size=16", "images=4_000"]
    run = build(composed(*TINY["mlp"], *QUICK, *words, "condition=auxiliary", "loss=hinge"))
    run.fit()
    some = run.data.held_out_split.at(slice(200)).to_unit_range(torch.float32)
    said = run.system.judge(some.images, some)
    assert (said.classes.argmax(1) == some.labels).double().mean() > 0.7
    assert {"discriminator/classes", "generator/classes"} <= run.system.progress.latest.keys()


@pytest.mark.parametrize(("condition", "name"), [("auxiliary", "classes"), ("codes", "codes")])
def test_terms_are_the_same_where_real_images_and_fakes_are_judged_together(
    composed: Callable[..., DictConfig], condition: str, name: str
) -> None:
    words = [*TINY["mlp"], *QUICK, f"condition={condition}", "normalization.discriminator=none"]
    system = build(composed(*words, "data.image_size=16", "system.judging=together")).system
    batch = Batch(torch.randn(4, 1, 16, 16), torch.tensor([1, 2, 3, 4]) if condition == "auxiliary" else None)
    with torch.no_grad():
        about = system.turn_about(batch, system.draw(batch))
        apart, together = map(system.regularizers.member(name).discriminator, (about, system.as_one_batch(about)))
    assert together.item() == pytest.approx(apart.item(), rel=1e-5)
