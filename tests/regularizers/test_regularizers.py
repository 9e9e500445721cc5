"""Regularisers of what a discriminator says, against closed forms, loops by hand and a reference's numbers."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes

from ganforge.augment.blitting import MirrorAndShift
from ganforge.configuration.build import build
from ganforge.interfaces import Batch, Drawn, Inputs, Turn, Verdict
from ganforge.regularizers.consistency import Consistency, LatentConsistency
from ganforge.regularizers.feature_matching import FeatureMatching
from ganforge.regularizers.lecam import LeCam

from ..conftest import TINY
from ..product import QUICK


class Sum(nn.Module):
    """Logits that are the sum of an image, features that are its pixels."""

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        return Verdict(image.flatten(1).sum(1), image)


class Painter(nn.Module):
    """z (B, 4) as images (B, 1, 2, 2), three times as large; the class is added."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        images = self.scale * z.view(-1, 1, 2, 2)
        return images if label is None else images + label[:, None, None, None]


def turn_about(images: Tensor, inputs: Inputs, images_seen: int = 0, **verdicts: Any) -> Turn:
    critic, painter = Sum(), Painter()
    fakes = painter(*inputs)
    whole: dict[str, Any] = {"real": lambda: critic(images), "fake": lambda: critic(fakes), "judge": critic} | verdicts
    batch = Batch(images, inputs.label)
    return Turn(batch, Drawn(fakes, inputs), **whole, generator=painter, discriminator=critic, images_seen=images_seen)


def saying(real: Tensor, fake: Tensor, images_seen: int = 0) -> Turn:
    """A turn in which the discriminator says this."""
    verdicts = {"real": lambda: Verdict(real, real), "fake": lambda: Verdict(fake, fake)}
    return turn_about(torch.zeros(len(real), 1, 2, 2), Inputs(torch.zeros(len(fake), 4)), images_seen, **verdicts)


def sines(count: int, first: int) -> Tensor:
    return torch.arange(first, first + count, dtype=torch.float64).square().sin()


LECAM = [
    (9.47691273893567, [1.6309353, 0.0326618, 1.2015828, 0.501561, -0.6845727, -1.5439998, -1.5059736, 0.0]),
    (8.74448871449786, [0.2166705, 0.3401928, 1.8453737, 0.3555369, -1.044044, 0.0, -1.372139, -1.4412522]),
    (2.7885297684617174, [0.5844538, 0.2069096, 0.8903614, 0.0, 0.0, -0.1774807, 0.0, -1.2569364]),
]


def test_lecam_is_that_of_the_authors_code() -> None:
    """Three turns of four real and four fake logits, 2 sin(n^2) + 0.5 and 2 sin(n^2) - 0.5, at decay 0.9.

    Values and gradients are of `lecam_reg` of github.com/google/lecam-gan (Apache-2.0) in double precision; its anchors
    begin at 0 and are divided by 1 - 0.9^turns, as in its code for StyleGAN2.
    """
    lecam = LeCam(weight=3.0, decay=0.9).double()
    for number, (value, gradients) in enumerate(LECAM):
        real, fake = 2 * sines(4, 1 + 8 * number) + 0.5, 2 * sines(4, 5 + 8 * number) - 0.5
        term = lecam.discriminator(saying(real.requires_grad_(), fake.requires_grad_()))
        assert term.item() == pytest.approx(3 * value, rel=1e-12)
        found = torch.cat(torch.autograd.grad(term, (real, fake)))
        assert found.tolist() == pytest.approx([3 * gradient for gradient in gradients], abs=1e-6)


def test_anchors_are_means_from_the_first_turn_on_and_move_before_the_term_begins() -> None:
    """In the first turn they are the logits' means, whatever the decay: nothing far off is to be forgotten."""
    lecam = LeCam(weight=1.0, decay=0.99, begin=20)
    said = [
        (torch.tensor([5.0, 7.0]), torch.tensor([-5.0, -3.0])),
        (torch.tensor([8.0, 8.0]), torch.tensor([0.0, 0.0])),
    ]
    assert lecam.discriminator(saying(*said[0], images_seen=0)) is None
    assert (lecam.sums / lecam.total).tolist() == pytest.approx([6, -4])
    assert lecam.discriminator(saying(*said[1], images_seen=10)) is None
    expected = [(0.99 * 6 + 8) / 1.99, (0.99 * -4 + 0) / 1.99]
    assert (lecam.sums / lecam.total).tolist() == pytest.approx(expected)
    assert lecam.discriminator(saying(*said[1], images_seen=20)) is not None


def test_a_resumed_lecam_has_its_anchors() -> None:
    first, second = LeCam(), LeCam()
    first.discriminator(saying(torch.tensor([5.0]), torch.tensor([-5.0])))
    second.load_state_dict(first.state_dict())
    turn = saying(torch.tensor([1.0]), torch.tensor([-1.0]))
    assert first.discriminator(turn).item() == second.discriminator(turn).item() > 0


def test_lecam_and_its_discriminator_in_low_precision() -> None:
    lecam = LeCam(decay=0.0, weight=1.0)
    real, fake = torch.tensor([1.0, 2.0]).bfloat16(), torch.tensor([-3.0, 0.0]).bfloat16()
    term = lecam.discriminator(saying(real, fake))
    assert term.dtype == torch.float32
    assert term.item() == pytest.approx((2.5**2 + 3.5**2) / 2 + (4.5**2 + 1.5**2) / 2)


class Doubled(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 2 * images


REAL = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 0]]).view(2, 1, 2, 2)
"""Of sums 1 and 3."""
INPUTS = Inputs(torch.tensor([[0.0, 0, 1, 0], [0, -1, -1, 0]]))
"""Whose images have sums 3 and -6."""


@pytest.mark.parametrize(("fakes", "expected"), [(False, (1 + 9) / 2), (True, (1 + 9) / 2 + (9 + 36) / 2)])
def test_consistency_is_the_squared_difference_of_logits(fakes: bool, expected: float) -> None:
    """D(T(x)) - D(x) is D(x) again where T doubles and D is linear."""
    regularizer = Consistency(Doubled(), weight=10.0, fakes=fakes)
    assert regularizer.discriminator(turn_about(REAL, INPUTS)).item() == pytest.approx(10 * expected)
    assert regularizer.generator(turn_about(REAL, INPUTS)) is None


def test_consistency_teaches_through_both_logits() -> None:
    slope = torch.tensor(2.0, requires_grad=True)

    def judge(images: Tensor) -> Verdict:
        return Verdict(slope * images.flatten(1).sum(1), images)

    turn = turn_about(REAL, INPUTS, judge=judge, real=lambda: judge(REAL))
    Consistency(Doubled(), weight=1.0).discriminator(turn).backward()
    assert slope.grad.item() == pytest.approx(2 * 2.0 * (1 + 9) / 2)


def test_images_are_mirrored_and_shifted_by_an_eighth_at_most() -> None:
    """A shifted ramp, reflected, is recognised by its values: each image is one of the 2 x 3 x 3 that can be."""
    image = torch.arange(64.0).view(1, 1, 8, 8)
    padded = nn.functional.pad(image, [1] * 4, mode="reflect")
    known = {
        tuple(whole[0, 0, y : y + 8, x : x + 8].flatten().tolist())
        for whole in (padded, padded.flip(3))
        for y in range(3)
        for x in range(3)
    }
    changed = MirrorAndShift()(image.expand(400, 1, 8, 8))
    assert {tuple(one.flatten().tolist()) for one in changed} == known


def test_neighbours_differ_for_the_generator_and_not_for_the_discriminator() -> None:
    """z' - z is the deviation times the numbers of the stream; images are 3 z, and logits their sums."""
    regularizer = LatentConsistency(weight=20.0, generator_weight=0.5, deviation=0.05)
    inputs = Inputs(torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    turn = turn_about(torch.zeros(5, 1, 2, 2), inputs)
    terms = []
    for player in (regularizer.discriminator, regularizer.generator):
        torch.manual_seed(7)
        terms.append(player(turn))
    torch.manual_seed(7)
    moved = 3 * 0.05 * torch.randn(5, 4)
    assert terms[0].item() == pytest.approx(20 * moved.sum(1).square().mean().item(), rel=1e-4)
    assert terms[1].item() == pytest.approx(-0.5 * moved.square().mean().item(), rel=1e-4)
    (slope,) = torch.autograd.grad(terms[1], turn.generator.scale)
    assert slope.item() == pytest.approx(-0.5 * 2 * moved.square().mean().item() / 3, rel=1e-3)


def test_the_discriminators_neighbours_carry_no_gradient() -> None:
    inputs = Inputs(torch.randn(5, 4))
    painter = Painter()
    fakes = painter(*inputs).detach()
    turn = Turn(
        Batch(fakes), Drawn(fakes, inputs), lambda: Sum()(fakes), lambda: Sum()(fakes), Sum(), painter, Sum()
    )  # fmt: skip
    assert not LatentConsistency().discriminator(turn).requires_grad


@pytest.mark.parametrize(("distance", "cost"), [("squared", lambda x: x**2), ("absolute", abs)])
def test_feature_matching_compares_means(distance: Any, cost: Callable[[float], float]) -> None:
    """Features are pixels: real means (1, 1/2, 1/2, 0), fake means 3 (0, -1/2, 0, 0)."""
    regularizer = FeatureMatching(weight=2.0, distance=distance)
    differences = [1 - 0, 0.5 + 1.5, 0.5 - 0, 0 - 0]
    term = regularizer.generator(turn_about(REAL, INPUTS))
    assert term.item() == pytest.approx(2 * sum(map(cost, differences)) / 4)
    assert term.requires_grad
    assert regularizer.discriminator(turn_about(REAL, INPUTS)) is None


def test_means_that_match_leave_nothing() -> None:
    real = Painter()(*INPUTS).detach().flip(0)
    assert FeatureMatching().generator(turn_about(real, INPUTS)).item() == pytest.approx(0)


@pytest.mark.parametrize("decay", [-0.1, 1.0, math.nan])
def test_a_decay_that_is_no_share_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="of the anchors should be at least 0 and less than 1"):
        LeCam(decay=decay)


def moved(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    lecam = LeCam(decay=0.5)
    for real, fake in (([1.0, 2.0], [0.0, -1.0]), ([4.0, 4.0], [-2.0, 0.0])):
        lecam.discriminator(saying(torch.tensor(real) + 3 * rank, torch.tensor(fake) - rank))
    torch.save(lecam.state_dict(), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_processes_have_the_same_anchors(tmp_path: Path) -> None:
    """Those of the logits of both."""
    start_processes(moved, (tmp_path,), nprocs=2, start_method="fork")
    alone = LeCam(decay=0.5)
    alone.discriminator(saying(torch.tensor([1.0, 2, 4, 5]), torch.tensor([0.0, -1, -1, -2])))
    alone.discriminator(saying(torch.tensor([4.0, 4, 7, 7]), torch.tensor([-2.0, 0, -3, -1])))
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt", weights_only=True), dict(alone.state_dict()))


PLAYERS = {
    "lecam": {"discriminator/lecam"},
    "consistency": {"discriminator/consistency"},
    "balanced_consistency": {"discriminator/consistency"},
    "latent_consistency": {"discriminator/latent_consistency", "generator/latent_consistency"},
    "feature_matching": {"generator/feature_matching"},
}
Composed = Callable[..., DictConfig]


@pytest.mark.parametrize(
    "words",
    [
        ["loss=hinge"],
        ["loss=wgan_gp", "training.accumulate_grad_batches=2"],
        ["loss=relativistic", "augment=diffaugment", "condition=projection", "system.fakes=fresh"],
        ["loss=r1", "trainer.precision=bf16-mixed", "condition=concat"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", PLAYERS)
def test_each_trains_and_its_terms_are_among_the_curves(composed: Composed, name: str, words: list[str]) -> None:
    run = build(composed(*TINY["dcgan"], "data=digits", *QUICK, "images=40", f"regularizer={name}", *words))
    run.fit()
    latest = run.system.progress.latest
    found = {key for key in latest if key.rpartition("/")[2] in {"consistency", *PLAYERS}}
    assert found == PLAYERS[name]
    assert all(latest[key].isfinite() and latest[key] != 0 for key in found)


def test_several_go_together(composed: Composed) -> None:
    words = "regularizer=[balanced_consistency,latent_consistency,lecam]"
    run = build(composed(*TINY["dcgan"], "data=digits", *QUICK, "images=8", "loss=hinge", words))
    assert list(run.system.regularizers) == ["consistency", "latent_consistency", "lecam"]
    assert run.system.regularizers.member("consistency").fakes


@pytest.mark.parametrize("name", ["consistency", "balanced_consistency"])
def test_points_have_no_images_to_mirror(composed: Composed, name: str) -> None:
    words = ["data=mixture2d", "data.points=100", f"regularizer={name}"]
    with pytest.raises(ValueError, match=r"the regularizer consistency needs images, and .* Leave regularizer= out"):
        build(composed(*TINY["mlp"], *words, *QUICK))


def test_lecam_begins_by_the_clock(composed: Composed) -> None:
    words = ["loss=hinge", "regularizer=lecam", "regularizers.lecam.begin=8"]
    for images, begun in ((8, False), (12, True)):
        run = build(composed(*TINY["mlp"], "data=digits", *QUICK, f"images={images}", *words))
        run.fit()
        assert ("discriminator/lecam" in run.system.progress.latest) == begun
        assert run.system.regularizers.member("lecam").total.item() == pytest.approx(1 - 0.99 ** (images / 4))
