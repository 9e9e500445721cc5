"""Directions in which images change the most, of generators for which they are known."""

import pytest
import torch
from torch import Tensor, nn

from ganforge.inference.directions import COLUMNS, principal_components, steepest, traverses
from ganforge.pretrained import PretrainedGenerator
from ganforge.sampling.latent import Latent


class Linear(nn.Module):
    """Images (B, 1, 3, 3) = A z."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return (z @ self.matrix.T).view(-1, 1, 3, 3)


def test_of_a_linear_generator_they_are_singular_vectors() -> None:
    matrix = torch.randn(9, 4)
    generator = PretrainedGenerator(Linear(matrix), Latent(4), {}, {})
    directions, deviations = steepest(generator, generator.latents(2), None, 3)
    _, _, expected = torch.linalg.svd(matrix)
    assert directions.shape == (3, 4)
    assert (directions * expected[:3]).sum(1).abs().tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert deviations.tolist() == [1, 1, 1]
    assert directions.gather(1, directions.abs().argmax(1, keepdim=True)).gt(0).all()


def test_components_of_a_known_distribution() -> None:
    turn = torch.linalg.qr(torch.randn(5, 5))[0]
    scales = torch.tensor([4.0, 0.1, 2.0, 1.0, 0.5])
    styles = 3 + (torch.randn(50_000, 5) * scales) @ turn.T
    directions, deviations = principal_components(styles, 2)
    assert deviations.tolist() == pytest.approx([4, 2], rel=0.02)
    assert (directions @ turn)[0, 0].abs().item() == pytest.approx(1, abs=1e-3)
    assert (directions @ turn)[1, 2].abs().item() == pytest.approx(1, abs=1e-3)


def test_more_directions_than_dimensions_are_all_of_them() -> None:
    directions, deviations = principal_components(torch.randn(100, 3), 8)
    assert directions.shape == (3, 3)
    assert deviations.shape == (3,)


def test_a_traverse_goes_two_deviations_to_either_side() -> None:
    start = torch.tensor([1.0, 1.0])
    ways = traverses(start, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1.0, 3.0]))
    assert ways.shape == (2, COLUMNS, 2)
    assert ways[0, 0].tolist() == [-1, 1]
    assert ways[1, -1].tolist() == [1, 7]
    torch.testing.assert_close(ways[:, COLUMNS // 2], start.expand(2, -1))
