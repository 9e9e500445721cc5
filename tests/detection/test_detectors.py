"""Scores by hand: networks whose outputs can be written down."""

import pytest
import torch
from torch import Tensor, nn

from ganforge.detection.detectors import FeatureResidual, Inversion, LatentDistance, PairResidual
from ganforge.interfaces import Verdict

IMAGES = torch.rand(5, 1, 2, 2) * 2 - 1


class Halving(nn.Module):
    """Four latents, half of the pixels; and images that are the latents."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) / 2


class Unflatten(nn.Module):
    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return z.unflatten(1, (1, 2, 2))


class Reencoding(nn.Module):
    def reencoded(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return images / 2, images.flatten(1), images.flatten(1) / 4


class Discriminator(nn.Module):
    """Features are twice the pixels, and the logit their sum, with that of the latents if there are any."""

    def forward(self, images: Tensor, z: Tensor | None = None) -> Verdict:
        total = images.flatten(1).sum(1) + (0 if z is None else z.sum(1))
        return Verdict(total, 2 * images.flatten(1))


def test_the_distance_of_latents_is_a_mean_of_squares() -> None:
    scores, made = LatentDistance(Reencoding())(IMAGES)
    assert torch.allclose(scores, (0.75 * IMAGES).square().mean((1, 2, 3)))
    assert torch.equal(made, IMAGES / 2)


def test_residuals_of_pairs_are_sums_of_differences() -> None:
    """|x - x/2| and |2x - x|, or -log sigmoid(sum x/2 + sum z) with z = x/2."""
    networks = Halving(), Unflatten(), Discriminator()
    size = IMAGES.abs().sum((1, 2, 3))
    by_features, made = PairResidual(*networks, weight=0.25)(IMAGES)
    assert torch.allclose(by_features, 0.75 * size / 2 + 0.25 * size)
    assert torch.equal(made, IMAGES / 2)
    by_logits = PairResidual(*networks, weight=0.25, by="logits")(IMAGES).scores
    assert torch.allclose(by_logits, 0.75 * size / 2 - 0.25 * IMAGES.sum((1, 2, 3)).sigmoid().log(), atol=1e-6)
    for wrong in ({"weight": 2.0}, {"by": "colour"}):
        with pytest.raises(ValueError, match="should be between 0 and 1"):
            PairResidual(*networks, **wrong)


def test_the_residual_of_an_encoder_is_a_sum_of_mean_squares() -> None:
    scores = FeatureResidual(Halving(), Unflatten(), Discriminator(), kappa=3.0)(IMAGES).scores
    square = IMAGES.square().mean((1, 2, 3))
    assert torch.allclose(scores, square / 4 + 3 * square)


@pytest.mark.parametrize("discriminator", [None, Discriminator()])
def test_an_inversion_finds_what_the_generator_can_make(discriminator: nn.Module | None) -> None:
    """Latents in [-1, 1] make all images but the last one, from which the nearest is 3 away in one pixel."""
    images = IMAGES.clone()
    images[-1, 0, 0, 0] = 4
    detector = Inversion(Unflatten(), discriminator, torch.zeros(2, 4), bounded=True, steps=200)
    with torch.no_grad():
        scores, made = detector(images)
    assert (made[:-1] - images[:-1]).abs().max() < 0.05
    assert scores[:-1].max() < 0.5
    residual = 3.0 if discriminator is None else 0.9 * 3 + 0.1 * 6
    assert scores[-1].item() == pytest.approx(residual, abs=0.3)
    assert detector.describe()["weight"] == (0 if discriminator is None else 0.1)


def test_a_picture_is_scored_alike_whatever_stands_beside_it() -> None:
    detector = Inversion(Unflatten(), Discriminator(), torch.randn(1, 4), steps=20)
    assert torch.allclose(detector(IMAGES).scores[:2], detector(IMAGES[:2]).scores, atol=1e-5)
