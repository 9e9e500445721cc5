"""Standing statistics against means by hand, and what they leave as it was."""

import copy

import pytest
import torch
from torch import nn

from ganforge.interfaces import Inputs
from ganforge.networks import biggan, dcgan, mlp, sngan
from ganforge.pretrained import PretrainedGenerator
from ganforge.sampling.latent import Latent
from ganforge.sampling.standing import with_standing_statistics


def test_statistics_are_the_means_of_those_of_the_batches() -> None:
    """Means, and unbiased variances, of each batch alone, whatever training has left."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Identity()).double()
    network[1].running_mean.fill_(7.0)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network

        def forward(self, z: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
            return self.layers(z)

    batches = [torch.randn(count, 3, dtype=torch.float64) for count in (5, 9, 4)]
    standing = with_standing_statistics(Generator(), [Inputs(batch) for batch in batches])
    hidden = [network[0](batch) for batch in batches]
    norm = standing.layers[1]
    assert torch.allclose(norm.running_mean, torch.stack([one.mean(0) for one in hidden]).mean(0), atol=1e-12)
    assert torch.allclose(norm.running_var, torch.stack([one.var(0) for one in hidden]).mean(0), atol=1e-12)
    assert not standing.training and network[1].running_mean.eq(7).all()


def test_the_network_and_all_but_batch_statistics_stay_as_they_were() -> None:
    network = biggan.Generator(8, 16, 1, 2, 3, 4, attention=16).train()
    before = copy.deepcopy(network.state_dict())
    label = torch.arange(6) % 3
    standing = with_standing_statistics(network, [Inputs(torch.randn(6, 8), label) for _ in range(3)])
    assert network.training
    changed = {name for name, value in standing.state_dict().items() if not value.equal(before[name])}
    assert {name.rpartition(".")[2] for name in changed} == {"running_mean", "running_var", "num_batches_tracked"}
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert not standing(torch.randn(6, 8), label).isnan().any()


def test_a_generator_without_batch_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="this generator has none"):
        with_standing_statistics(mlp.Generator(3, 8, 1, [4]), [])


@pytest.mark.parametrize("networks", [dcgan, sngan])
def test_a_pretrained_generator_gets_those_of_its_truncation(networks: object) -> None:
    """And every image stays a function of its number, seed and truncation."""
    generator = PretrainedGenerator(networks.Generator(6, 16, 1, 4), Latent(6), {}, {})  # type: ignore[attr-defined]
    narrow, wide = generator.standing(0.2), generator.standing()
    norm = [next(layer for layer in one.modules() if isinstance(layer, nn.BatchNorm2d)) for one in (narrow, wide)]
    assert norm[0].running_var.sum() < 0.2 * norm[1].running_var.sum()
    drawn = wide.sample(5)
    assert torch.equal(generator.standing().sample(3, first=2), drawn[2:])
    assert not torch.allclose(drawn, generator.sample(5), atol=1e-3)
