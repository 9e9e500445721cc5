"""An autoencoder as a system: its turn, its decoder as what draws, its pictures and its bounds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from ganforge.artifacts.records import read_lines
from ganforge.configuration.build import build
from ganforge.interfaces import Batch
from ganforge.networks.vae import Decoder, Encoder
from ganforge.pretrained import from_pretrained

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = ["metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "callbacks.bounds.images=7"]


def test_as_many_weights_as_the_perceptron_of_pytorchs_examples() -> None:
    networks = Encoder(20, 28, 1, [400]), Decoder(20, 28, 1, [400])
    assert sum(weight.numel() for network in networks for weight in network.parameters()) == 652_824


@pytest.mark.parametrize("model", ["vae", "vae_conv"])
@pytest.mark.parametrize("size", [16, 28, 32])
def test_the_decoder_draws_what_its_logits_say(composed: Compose, model: str, size: int) -> None:
    system = build(composed(*TINY[model], *QUICK, f"data.image_size={size}")).system
    decoder = system.autoencoder.decoder.eval()
    z = torch.randn(3, 20)
    assert decoder(z).shape == (3, 1, size, size)
    assert torch.allclose(decoder(z), 2 * decoder.logits(z).sigmoid() - 1, atol=1e-6)
    assert system.sampler("live").network is system.autoencoder.decoder
    assert system.sampler().network is system.averaged.decoder


def test_a_turn_descends_the_sum_of_the_terms(composed: Compose) -> None:
    """Against the bound of section 2.3 written out with torch's own functions."""
    system = build(composed(*TINY["vae"], *QUICK, "loss.beta=2.0")).system
    images, noise = torch.rand(5, 1, 16, 16) * 2 - 1, torch.randn(5, 20)
    system.noise = lambda _: noise
    terms = system.terms(Batch(images))
    mean, log_variance = system.autoencoder.encoder(images)
    logits = system.autoencoder.decoder.logits(mean + (log_variance / 2).exp() * noise)
    target = (images + 1) / 2
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 5
    kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp()) / 5
    assert terms["reconstruction"].item() == pytest.approx(reconstruction.item(), rel=1e-5)
    assert terms["kl"].item() == pytest.approx(2 * kl.item(), rel=1e-4)


def test_what_is_saved_is_the_averaged_decoder_at_the_end(composed: Compose, tmp_path: Path) -> None:
    experiment = build(composed(*TINY["vae"], *QUICK, "images=80", "evaluate_every=40"))
    experiment.fit()
    generator = from_pretrained(tmp_path / "run")
    averaged = experiment.system.averaged.decoder.state_dict()
    assert generator.network.state_dict().keys() == averaged.keys()
    assert all(torch.equal(tensor, averaged[name]) for name, tensor in generator.network.state_dict().items())
    assert generator.sample(3).shape == (3, 1, 16, 16)


def test_pictures_and_bounds_of_a_run(composed: Compose, tmp_path: Path) -> None:
    build(composed(*TINY["vae_conv"], *QUICK, "images=80", "evaluate_every=40")).fit()
    pictures = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert {"000000040_reconstructions.png", "000000080_traverse.png", "000000080.png"} <= pictures
    first, last = read_lines(tmp_path / "run" / "metrics.jsonl")
    assert (first["images_seen"], last["images_seen"]) == (40, 80)
    assert last["by"] == "bounds"
    assert last["stamp"]["likelihood"] == "bernoulli of (pixel + 1) / 2"
    assert last["stamp"]["real_images"] == 7
    scores = last["scores"]
    assert scores["iwae_1_bernoulli"] < scores["iwae_50_bernoulli"] < scores["iwae_1000_bernoulli"] < 0
    assert scores["bits_elbo_bernoulli"] == pytest.approx(-scores["elbo_bernoulli"] / 256 / 0.693147, rel=1e-5)


def test_reconstructions_lie_below_what_they_reconstruct(composed: Compose) -> None:
    system = build(composed(*TINY["vae"], *QUICK)).system
    images = torch.rand(16, 1, 16, 16) * 2 - 1
    pictures = system.pictures(Batch(images))
    rows = pictures["reconstructions"]
    assert rows.shape == (4, 8, 1, 16, 16)
    assert torch.equal(rows[2], images[8:])
    decoded = system.averaged.decoder(system.averaged.encode(rows[2]).mean)
    assert torch.allclose(rows[3], decoded, atol=1e-6)
    assert pictures["traverse"].shape == (8, 8, 1, 16, 16)


def test_bounds_and_pictures_leave_the_training_as_it_was(composed: Compose) -> None:
    def weights(*words: str) -> torch.Tensor:
        experiment = build(composed(*TINY["vae_conv"], *QUICK, "images=80", *words))
        experiment.fit()
        return torch.cat([value.flatten() for value in experiment.system.parameters()])

    assert torch.equal(weights("evaluate_every=16"), weights("evaluate_every=1000"))
