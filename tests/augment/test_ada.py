"""The rule for p, in closed form; and that nothing happens at p = 0, and everything as often as p says."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.multiprocessing.spawn import start_processes

from ganforge.augment.ada import ADA, PIPE

GROUPS = list(PIPE)
SHAPES = [(2, 1, 4, 4), (4, 1, 8, 8), (4, 3, 8, 8), (4, 3, 16, 16), (2, 1, 28, 28)]


def signs(positive: int, negative: int) -> Tensor:
    return torch.cat([torch.full((positive,), 3.0), torch.full((negative,), -0.1)])


def test_p_rises_and_falls_by_the_images_that_were_counted() -> None:
    """Ten images a turn, p moves every twenty: by 20 of 100."""
    ada = ADA(["blit"], target=0.5, every=20, ramp=100)
    found = []
    for positive in (10, 8, 10, 10, 7, 8, 0, 0):
        shown = ada.adapt(signs(positive, 10 - positive))
        found.append((round(shown["p"].item(), 6), round(shown["real_sign"].item(), 6)))
    assert found == [(0, 1), (0.2, 0.8), (0.2, 1), (0.4, 1), (0.4, 0.4), (0.4, 0.5), (0.4, -1), (0.2, -1)]


def test_p_stays_between_zero_and_one() -> None:
    ada = ADA(["blit"], p=0.9, every=10, ramp=100)
    assert [round(ada.adapt(signs(10, 0))["p"].item(), 6) for _ in range(3)] == [1, 1, 1]
    ada = ADA(["blit"], p=0.1, every=10, ramp=100)
    assert [round(ada.adapt(signs(0, 10))["p"].item(), 6) for _ in range(3)] == [0, 0, 0]


def test_patches_have_a_vote_each_and_images_are_counted() -> None:
    ada = ADA(["blit"], every=2, ramp=4)
    assert ada.adapt(torch.tensor([1.0, 1.0, -1.0, 1.0]).view(2, 1, 1, 2))["real_sign"].item() == 0.5
    assert ada.adapt(torch.ones(2, 1, 3, 3))["p"].item() == 0.5


def test_half_precision_weights_leave_the_counts_whole() -> None:
    ada = ADA(["blit"], p=0.5).to(torch.bfloat16)
    before = ada.p.item()
    for _ in range(4):
        ada.adapt(torch.ones(64, dtype=torch.bfloat16))
    assert ada.p.item() - before == pytest.approx(256 / 500_000, rel=1e-4)


def votes(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    ada = ADA(["blit"], target=0.5, every=20, ramp=100)
    shown = [ada.adapt(signs(*counts)) for counts in (((4, 1), (5, 0)), ((2, 3), (5, 0)))[rank]]
    torch.save((ada.state_dict(), shown), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_processes_vote_together(tmp_path: Path) -> None:
    """As one that is given the logits of both: 6 of 10 positive, then 16 of 20."""
    start_processes(votes, (tmp_path,), nprocs=2, start_method="fork")
    alone = ADA(["blit"], target=0.5, every=20, ramp=100)
    shown = [alone.adapt(signs(6, 4)), alone.adapt(signs(10, 0))]
    assert [round(values["real_sign"].item(), 6) for values in shown] == [0.2, 0.6]
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt", weights_only=True) == (alone.state_dict(), shown)


def test_a_fixed_p_stays_and_wants_no_signs() -> None:
    ada = ADA(["blit"], p=0.2, target=None)
    assert not ada.reads_signs and ADA(["blit"]).reads_signs
    assert ada.adapt(torch.ones(1000))["p"].item() == pytest.approx(0.2)
    assert ada.p.item() == pytest.approx(0.2)


def test_p_is_a_probability() -> None:
    with pytest.raises(ValueError, match=r"^augment.p must be between 0 and 1, got 1.5"):
        ADA(["blit"], p=1.5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nothing_changes_at_zero(shape: tuple[int, ...]) -> None:
    images = torch.randn(shape)
    assert torch.equal(ADA(GROUPS)(images), images)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_everything_at_once_keeps_shape_and_type(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    images = ADA(GROUPS, p=1.0)(torch.randn(shape).to(dtype))
    assert images.shape == shape and images.dtype == dtype and images.isfinite().all()


EITHER_WAY = {"mirror": 0.5, "turn": 0.75, "shift": 1 - 1 / 81}
"""The share of chosen images that a transform moves, of which some are drawn to stay: 9 x 9 places at 32 pixels."""


@pytest.mark.parametrize("name", [transform.__name__ for group in PIPE.values() for transform in group])
def test_images_change_as_often_as_p_says(name: str) -> None:
    """4,000 images, three standard deviations; several transforms in one leave (1 - p)^n as they were."""
    transform = next(one for group in PIPE.values() for one in group if one.__name__ == name)
    images = torch.randn(1, 3, 32, 32).expand(4000, -1, -1, -1)
    p = torch.tensor(0.2)
    changed = (transform(images, p) != images).flatten(1).any(1).float().mean().item()
    together = {"warp": 1 - 0.8**4, "recolour": 1 - 0.8**4 * 0.9, "band_filter": 1 - 0.8**4}
    expected = together.get(name, 0.2 * EITHER_WAY.get(name, 1))
    assert changed == pytest.approx(expected, abs=3 * (0.25 / 4000) ** 0.5)


def test_the_stream_of_the_device_decides() -> None:
    ada, images = ADA(GROUPS, p=0.5), torch.randn(8, 3, 16, 16)
    torch.manual_seed(1)
    first = ada(images)
    assert not torch.equal(first, ada(images))
    torch.manual_seed(1)
    assert torch.equal(first, ada(images))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("group", GROUPS)
def test_derivatives_of_both_orders(group: str, channels: int) -> None:
    """In float64, with what was drawn held still; squared, so that the second derivative is not zero."""
    ada = ADA([group], p=1.0)

    def seen(images: Tensor) -> Tensor:
        torch.manual_seed(3)
        return ada(images).square()

    images = torch.randn(1, channels, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(seen, images, fast_mode=True)
    assert torch.autograd.gradgradcheck(seen, images, fast_mode=True)
