"""The prior: its two distributions, whole and truncated."""

import pytest
import scipy.stats
import torch

from ganforge.sampling.latent import Latent

SHARES = torch.tensor([[1e-3, 0.1, 0.25, 0.5, 0.9, 0.999]])


def test_latents_are_normal_or_uniform() -> None:
    for distribution, expected in (("normal", scipy.stats.norm()), ("uniform", scipy.stats.uniform(-1, 2))):
        latents = Latent(5, distribution).sample(2000)
        assert latents.shape == (2000, 5)
        assert scipy.stats.kstest(latents.flatten().numpy(), expected.cdf).pvalue > 0.01


@pytest.mark.parametrize("bound", [0.5, 2.0])
def test_truncated_latents_are_quantiles_of_the_truncated_distribution(
    monkeypatch: pytest.MonkeyPatch, bound: float
) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: SHARES)
    widest = min(bound, 1.0)
    expected = {
        "normal": scipy.stats.truncnorm(-bound, bound).ppf(SHARES),
        "uniform": scipy.stats.uniform(-widest, 2 * widest).ppf(SHARES),
    }
    for distribution, quantiles in expected.items():
        latents = Latent(6, distribution).sample(1, truncation=bound)
        assert latents[0].tolist() == pytest.approx(quantiles[0].tolist(), rel=1e-5, abs=1e-6)


def test_the_smallest_random_number_makes_a_finite_latent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.zeros(1, 1))
    assert -6 < Latent(1).sample(1, truncation=100.0).item() < -5


def test_priors_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one dimension, got 0"):
        Latent(0)
    with pytest.raises(ValueError, match="normal or uniform, not 'cauchy'"):
        Latent(2, "cauchy")
    with pytest.raises(ValueError, match="truncation must be positive, got 0"):
        Latent(2).sample(1, truncation=0.0)
