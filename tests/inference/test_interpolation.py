"""Ways between latents, against geometry."""

import math

import pytest
import torch

from ganforge.inference.interpolation import loop, slerp


def test_quarter_circle_is_cosine_and_sine() -> None:
    share = torch.linspace(0, 1, 7)
    points = slerp(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0]), share)
    angle = share * math.pi / 2
    torch.testing.assert_close(points, 3 * torch.stack([angle.cos(), angle.sin()], 1))


def test_points_between_unit_vectors_are_on_the_sphere_at_equal_angles() -> None:
    start, end = torch.nn.functional.normalize(torch.randn(2, 50, dtype=torch.float64), dim=1)
    points = slerp(start, end, torch.linspace(0, 1, 9)).double()
    torch.testing.assert_close(points.norm(dim=1), torch.ones(9, dtype=torch.float64), atol=1e-6, rtol=0)
    steps = (points[:-1] * points[1:]).sum(1).acos()
    torch.testing.assert_close(steps, (start @ end).acos().expand(8) / 8, atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_latents_on_one_line_are_joined_by_a_line(factor: float) -> None:
    start = torch.tensor([1.0, 2.0, -2.0])
    points = slerp(start, factor * start, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(points, torch.stack([start, (0.75 + 0.25 * factor) * start, factor * start]))


def test_loop_passes_every_latent_once_and_closes() -> None:
    latents = torch.randn(4, 10)
    way = loop(latents, 5)
    assert way.shape == (20, 10)
    torch.testing.assert_close(way[::5], latents)
    torch.testing.assert_close(way[15:], slerp(latents[3], latents[0], torch.arange(5) / 5))
    torch.testing.assert_close(slerp(latents[3], latents[0], torch.tensor([1.0])), latents[:1])


def test_a_straight_loop_stays_on_the_lines() -> None:
    latents = torch.randn(3, 10)
    way = loop(latents, 4, "straight")
    torch.testing.assert_close(way[::4], latents)
    torch.testing.assert_close(way[9], 0.75 * latents[2] + 0.25 * latents[0])
