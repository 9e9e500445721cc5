"""An image that a generator drew leads back to its latent."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganforge.inference.projection import project, psnr, squared_error
from ganforge.networks import mlp
from ganforge.pretrained import PretrainedGenerator
from ganforge.sampling.latent import Latent


class Shift(nn.Module):
    """Images (B, 1, 2, 2) that are the latent plus the label: their nearest latent is known."""

    num_classes = 3

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.scale * (z + label[:, None]).view(-1, 1, 2, 2)


def generator(distribution: str) -> PretrainedGenerator:
    return PretrainedGenerator(mlp.Generator(8, 16, 1, [64]), Latent(8, distribution), {}, {})


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_own_image_is_found_again(distribution: str) -> None:
    drawer = generator(distribution)
    latents = drawer.latents(1, seed=5)
    target = drawer.images_from(latents)[0]
    found = project(drawer, target, drawer.latents(4))
    assert found.psnr > 60
    assert found.psnr == psnr(found.image[0], target)
    assert torch.equal(drawer.images_from(found.z), found.image)
    torch.testing.assert_close(found.z, latents, atol=0.02, rtol=0)


def test_same_starts_same_latent() -> None:
    drawer = generator("normal")
    target = torch.rand(1, 16, 16) * 2 - 1
    one, two = (project(drawer, target, drawer.latents(3), steps=range(50)) for _ in range(2))
    assert torch.equal(one.z, two.z)
    assert project(drawer, target, drawer.latents(3), steps=range(200)).psnr > one.psnr


def test_each_start_keeps_its_label_and_the_best_wins() -> None:
    drawer = PretrainedGenerator(Shift(), Latent(4, "uniform"), {}, {})
    target = torch.full((1, 2, 2), 2.5)
    found = project(drawer, target, drawer.latents(3), torch.arange(3))
    assert found.label is not None and found.label.tolist() == [2]
    torch.testing.assert_close(found.z, torch.full((1, 4), 0.5), atol=1e-3, rtol=0)


def test_each_start_keeps_its_codes() -> None:
    latent = Latent(9, "normal", {"categorical": [3], "continuous": 1})
    drawer = PretrainedGenerator(mlp.Generator(9, 16, 1, [64]), latent, {}, {})
    starts = drawer.latents(4)
    found = project(drawer, torch.zeros(1, 16, 16), starts, steps=range(20))
    assert [row for row in starts[:, 5:].tolist() if row == found.z[0, 5:].tolist()]
    assert not (starts[:, :5] == found.z[:, :5]).any()


def test_uniform_latents_stay_in_their_cube() -> None:
    drawer = PretrainedGenerator(Shift(), Latent(4, "uniform"), {}, {})
    found = project(drawer, torch.full((1, 2, 2), 5.0), drawer.latents(1), torch.tensor([0]))
    assert found.z.tolist() == [[1.0] * 4]
    assert found.psnr == pytest.approx(10 * math.log10(4 / 16))


def test_psnr_and_error_have_their_closed_forms() -> None:
    image = torch.zeros(1, 4, 4)
    assert psnr(image, image + 0.2) == pytest.approx(20)
    assert psnr(image, image) == math.inf
    errors = squared_error(torch.tensor([0.5, 2.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4), image)
    assert errors.tolist() == [0.25, 4.0]
