"""An encoder and a decoder that maximise one bound together (Kingma and Welling 2014)."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganforge.interfaces import Batch, Inputs, Terms
from ganforge.losses.elbo import Elbo, Posterior, posterior
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.systems.pictures import COLUMNS, in_rows
from ganforge.systems.system import System

FARTHEST = 3.0


class Autoencoder(nn.Module):
    """The team that is the one player: encoder, decoder, and what the likelihood learns.

    An encoder maps images to the mean and log variance of q(z | x); a decoder has `logits` of p(x | z).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, likelihood: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Posterior, Tensor]:
        """q(z | x), and log p(x | z) (B,) in nats at z = q.at(noise), for images (B, C, H, W) and noise (B, D)."""
        q = posterior(*self.encoder(images))
        logits = self.decoder.logits(q.at(noise).to(images.dtype))  # type: ignore[operator]
        return q, self.likelihood(logits, images)

    @torch.no_grad()
    def log_likelihood(self, images: Tensor, q: Posterior, noise: Tensor) -> Tensor:
        """log p(x | z) (K, B) in nats at K samples z = q.at(noise), noise (K, B, D), without batch statistics."""
        z = q.at(noise).to(images.dtype)
        logits = self.eval().decoder.logits(z.flatten(0, 1))  # type: ignore[operator]
        return self.likelihood(logits.unflatten(0, z.shape[:2]), images)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Posterior:
        """q(z | x), without batch statistics."""
        return posterior(*self.eval().encoder(images))


class VAE(System):
    """A round is one turn of the autoencoder; the decoder draws, from the prior N(0, I)."""

    players: ClassVar = ("autoencoder",)
    averages: ClassVar = {"averaged": "autoencoder"}
    plays: ClassVar = Elbo
    goes_with: ClassVar = "model=vae or vae_conv, and loss=elbo"
    autoencoder: Autoencoder
    averaged: Autoencoder

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: Latent, elbo: Elbo, **system: Any) -> None:
        if latent.distribution != "normal":
            raise ValueError(f"model.latent.distribution={latent.distribution}: the prior of a VAE is normal")
        super().__init__({"autoencoder": Autoencoder(encoder, decoder, elbo.likelihood)}, **system)
        self.latent, self.elbo = latent, elbo

    def play(self, batch: Batch) -> None:
        self.turn("autoencoder", map(self.terms, self.parts(batch)))
        self.advance(batch)

    def noise(self, batch: Batch) -> Tensor:
        """What the z of a turn differ from their means by (B, D), in deviations: one sample for each image."""
        return self.latent.sample(len(batch.images), self.device)

    def terms(self, batch: Batch) -> Terms:
        q, log_likelihood = self.autoencoder(batch.images, self.noise(batch))
        return self.elbo.terms(log_likelihood, q)

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return Sampler((self.averaged if weights == "ema" else self.autoencoder).decoder, self.latent)

    def finished(self) -> dict[str, nn.Module]:
        return super().finished() | {"encoder": self.averaged.encoder}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """Reconstructions: a row of images, below it what the decoder makes of their posterior means.

        Traverse: the posterior mean of the first image, in each row with one dimension varied from -3 to 3: those
        in which the posteriors diverge the most from the prior.
        """
        q = self.averaged.encode(held_out.images)
        dimensions = q.divergence().mean(0).argsort(descending=True)[:COLUMNS]
        ways = q.mean[0].repeat(len(dimensions), COLUMNS, 1)
        for row, dimension in enumerate(dimensions):
            ways[row, :, dimension] = torch.linspace(-FARTHEST, FARTHEST, COLUMNS, device=self.device)
        decode, latents = self.sampler().images, ways.flatten(0, 1)
        return {
            "reconstructions": in_rows(held_out.images, decode(Inputs(q.mean))),
            "traverse": decode(Inputs(latents)).unflatten(0, ways.shape[:2]),
        }
