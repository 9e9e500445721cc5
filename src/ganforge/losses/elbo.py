"""The evidence lower bound of Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv:1312.6114).

All likelihoods and divergences are in nats per image: sums over pixels and latent dimensions, never means. They are
computed in float32 at least.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganforge.interfaces import Terms
from ganforge.precision import full

SMALLEST, LARGEST = -30.0, 20.0
"""Of the logarithm of a posterior's variance, as in Rombach et al. 2022: its exponential stays finite."""


class Posterior(NamedTuple):
    """q(z | x) = N(mean, exp(log_variance)), independent in each dimension; both (B, D)."""

    mean: Tensor
    log_variance: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """z (..., B, D) for standard normal noise of that shape: the reparametrisation of section 2.4."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def divergence(self) -> Tensor:
        """KL(q(z | x) || N(0, I)) (B, D) of each dimension, in nats (appendix B)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)

    def log_ratio(self, noise: Tensor) -> Tensor:
        """log p(z) - log q(z | x) (..., B) at z = `at(noise)`, in nats."""
        return 0.5 * (noise.square() + self.log_variance - self.at(noise).square()).sum(-1)


def posterior(mean: Tensor, log_variance: Tensor) -> Posterior:
    """Of an encoder's outputs (B, D), whatever their precision."""
    return Posterior(full(mean), full(log_variance).clamp(SMALLEST, LARGEST))


class Bernoulli(nn.Module):
    """Pixels are white with probability sigmoid(logits) (appendix C.1).

    A grey pixel x counts as white with weight (x + 1) / 2, which is a bound on a likelihood for binary images only.
    """

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        """log p(x | z) (..., B) of images (B, C, H, W) in [-1, 1], given logits (..., B, C, H, W)."""
        logits, white = full(logits), 0.5 * (full(images) + 1)
        return (white * logits - softplus(logits)).sum((-3, -2, -1))

    def describe(self) -> dict[str, str | float]:
        """What belongs in the stamp."""
        return {"likelihood": "bernoulli of (pixel + 1) / 2"}


class Gaussian(nn.Module):
    """Pixels in [-1, 1] deviate by sigma from 2 sigmoid(logits) - 1 (appendix C.2).

    One sigma for all pixels, learned where it is None (Rybkin et al. 2021, "Simple and Effective VAE Training with
    Calibrated Decoders", section 3.1). This is a density: it may exceed 1, and depends on the scale of the pixels.
    """

    def __init__(self, sigma: float | None = None) -> None:
        super().__init__()
        self.learned = sigma is None
        log_sigma = torch.tensor(0.0 if sigma is None else math.log(sigma))
        if self.learned:
            self.log_sigma = nn.Parameter(log_sigma)
        else:
            self.register_buffer("log_sigma", log_sigma)

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        """log p(x | z) (..., B) of images (B, C, H, W) in [-1, 1], given logits (..., B, C, H, W)."""
        log_sigma = full(self.log_sigma)
        deviations = (full(images) - torch.tanh(0.5 * full(logits))) / log_sigma.exp()
        return -(0.5 * deviations.square() + log_sigma + 0.5 * math.log(2 * math.pi)).sum((-3, -2, -1))

    def describe(self) -> dict[str, str | float]:
        """What belongs in the stamp."""
        sigma = "learned" if self.learned else round(self.log_sigma.exp().item(), 6)
        return {"likelihood": "gaussian density of pixels in [-1, 1]", "sigma": sigma}


class Elbo:
    """E_q[log p(x | z)] - beta KL(q(z | x) || N(0, I)), as two terms to minimise (equation 10).

    With `beta` other than 1 it is no bound (Higgins et al. 2017, "beta-VAE", equation 4). `likelihood` may have
    parameters, which are the autoencoder's.
    """

    def __init__(
        self, likelihood: Literal["bernoulli", "gaussian"] = "bernoulli", beta: float = 1.0, sigma: float | None = None
    ) -> None:
        if beta < 0:
            raise ValueError(f"loss.beta must be 0 or more, got {beta}")
        if sigma is not None and (likelihood == "bernoulli" or not sigma > 0):
            raise ValueError(f"loss.sigma={sigma}: it is positive, or null, and of loss.likelihood=gaussian only")
        self.name, self.beta = likelihood, beta
        self.likelihood: Bernoulli | Gaussian = Bernoulli() if likelihood == "bernoulli" else Gaussian(sigma)

    def terms(self, log_likelihood: Tensor, posterior: Posterior) -> Terms:
        """Means over images, in nats; `kl` is weighted by beta."""
        return {
            "reconstruction": -log_likelihood.mean(),
            "kl": self.beta * posterior.divergence().sum(1).mean(),
        }


def log_mean_exp(log_weights: Tensor, count: int) -> Tensor:
    """The importance-weighted bound with `count` samples (B,), in nats (Burda et al. 2016, equation 8).

    Of log p(x, z) - log q(z | x) (K, B) for K samples of z; the mean over all whole groups of `count` of them.
    """
    groups = log_weights[: len(log_weights) // count * count].unflatten(0, (-1, count))
    return (groups.logsumexp(1) - math.log(count)).mean(0)
