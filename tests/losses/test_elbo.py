"""The bound, its parts and its limits, each against something that is computed in another way."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from ganforge.losses import elbo
from ganforge.losses.elbo import Elbo, Gaussian, Posterior, log_mean_exp, posterior
from ganforge.systems.vae import Autoencoder


def a_posterior(count: int = 5, dim: int = 3) -> Posterior:
    return Posterior(torch.randn(count, dim, dtype=torch.float64), torch.randn(count, dim, dtype=torch.float64))


def test_divergence_and_ratio_are_those_of_torch() -> None:
    q = a_posterior()
    prior, ours = Normal(torch.zeros(3).double(), 1.0), Normal(q.mean, (0.5 * q.log_variance).exp())
    assert torch.allclose(q.divergence(), kl_divergence(ours, prior))
    noise = torch.randn(7, 5, 3, dtype=torch.float64)
    z = q.at(noise)
    assert torch.allclose(q.log_ratio(noise), (prior.log_prob(z) - ours.log_prob(z)).sum(-1))


def test_likelihoods_are_those_of_torch() -> None:
    logits, images = torch.randn(2, 4, 1, 3, 3).double(), torch.rand(4, 1, 3, 3).double() * 2 - 1
    binary = images.sign()
    found = elbo.Bernoulli()(logits, binary)
    assert torch.allclose(found, Bernoulli(logits=logits).log_prob((binary + 1) / 2).sum((-3, -2, -1)))
    mean = 2 * logits.sigmoid() - 1
    assert torch.allclose(Gaussian(0.3)(logits, images), Normal(mean, 0.3).log_prob(images).sum((-3, -2, -1)))


def test_terms_are_sums_over_pixels_and_dimensions_and_means_over_images() -> None:
    """A mean over pixels would multiply beta by their number."""
    q, log_likelihood = a_posterior(), torch.tensor([-1.0, -2.0, -3.0, -4.0, -5.0])
    terms = Elbo(beta=4.0).terms(log_likelihood, q)
    assert terms["reconstruction"] == 3.0
    assert terms["kl"] == pytest.approx(4 * q.divergence().sum().item() / 5)


def test_only_a_learned_sigma_is_a_parameter_and_it_becomes_the_deviation() -> None:
    assert list(Elbo("gaussian", sigma=0.1).likelihood.parameters()) == []
    likelihood = Elbo("gaussian").likelihood
    images, logits = 0.2 * torch.randn(2000, 1, 1, 1), torch.zeros(2000, 1, 1, 1)
    optimizer = torch.optim.Adam(likelihood.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-likelihood(logits, images).mean()).backward()
        optimizer.step()
    assert likelihood.log_sigma.exp().item() == pytest.approx(0.2, rel=0.05)


def test_half_precision_gives_finite_terms() -> None:
    q = posterior(torch.zeros(2, 3).bfloat16(), torch.full((2, 3), 1000.0).bfloat16())
    assert q.divergence().dtype == torch.float32
    assert q.divergence().isfinite().all()


class LinearEncoder(nn.Module):
    """The exact posterior of `x = W z + sigma noise`, widened, so that the bounds are not tight."""

    def __init__(self, weight: Tensor, sigma: float) -> None:
        super().__init__()
        precision = torch.eye(weight.shape[1]).double() + weight.T @ weight / sigma**2
        self.to_mean = torch.linalg.solve(precision, weight.T) / sigma**2
        self.log_variance = -precision.diagonal().log() + 0.7

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images.flatten(1) @ self.to_mean.T, self.log_variance.expand(len(images), -1)


class LinearDecoder(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def logits(self, z: Tensor) -> Tensor:
        return (z @ self.weight.T)[:, :, None, None]


class LinearLikelihood(nn.Module):
    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        return Independent(Normal(logits, self.sigma), 3).log_prob(images)


def test_bounds_of_a_linear_model_close_in_on_its_likelihood() -> None:
    """x = W z + sigma noise is normal with covariance W W' + sigma^2 I, so log p(x) is known in closed form."""
    weight, sigma = torch.randn(4, 2).double(), 0.8
    images = (torch.randn(6, 2).double() @ weight.T + sigma * torch.randn(6, 4).double())[:, :, None, None]
    team = Autoencoder(LinearEncoder(weight, sigma), LinearDecoder(weight), LinearLikelihood(sigma))
    covariance = weight @ weight.T + sigma**2 * torch.eye(4)
    exact = MultivariateNormal(torch.zeros(4).double(), covariance).log_prob(images.flatten(1))
    q, noise = team.encode(images), torch.randn(20_000, 6, 2, dtype=torch.float64)
    log_likelihood = team.log_likelihood(images, q, noise)
    weights = log_likelihood + q.log_ratio(noise)
    bound = (log_likelihood.mean(0) - q.divergence().sum(1)).mean()
    by_count = [log_mean_exp(weights, count).mean() for count in (1, 5, 50, 20_000)]
    assert by_count[0] == pytest.approx(bound.item(), abs=0.02), "in expectation the ELBO is the bound with one sample"
    assert by_count == sorted(by_count)
    assert by_count[1] - by_count[0] > 0.05
    assert torch.allclose(log_mean_exp(weights, 20_000), exact, atol=0.03)


def test_the_importance_weighted_bound_uses_whole_groups_only() -> None:
    weights = torch.tensor([[1.0], [2.0], [3.0], [4.0], [100.0]]).log()
    assert log_mean_exp(weights, 2).item() == pytest.approx((math.log(1.5) + math.log(3.5)) / 2)
