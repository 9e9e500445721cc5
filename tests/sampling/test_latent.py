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


CODES = {"categorical": [3, 5], "continuous": 2}


def test_codes_are_one_hot_and_uniform_and_independent_of_the_noise() -> None:
    latent = Latent(14, "normal", CODES)
    assert latent.codes is not None
    z = latent.sample(6000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(z[:, :4], Latent(4).sample(6000, generator=torch.Generator().manual_seed(0)))
    (first, second), continuous = latent.codes.split(z[:, 4:])
    for code, values in ((first, 3), (second, 5)):
        assert code.unique().tolist() == [0, 1]
        assert code.sum(1).unique().tolist() == [1]
        assert scipy.stats.chisquare(code.sum(0).numpy()).pvalue > 0.01
        assert code.shape[1] == values
    together = scipy.stats.contingency.crosstab(first.argmax(1).numpy(), second.argmax(1).numpy()).count
    assert scipy.stats.chi2_contingency(together).pvalue > 0.01
    assert scipy.stats.kstest(continuous.flatten().numpy(), scipy.stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert z.T.corrcoef().fill_diagonal_(0)[:4].abs().max() < 0.05


def test_truncation_is_of_the_noise_alone() -> None:
    z = Latent(14, "normal", CODES).sample(500, truncation=0.1)
    assert z[:, :4].abs().max() <= 0.1
    assert z[:, 4:12].sum().item() == 1000
    assert z[:, 12:].abs().max() > 0.9


def test_a_traverse_changes_one_code_in_each_row() -> None:
    latent = Latent(14, "normal", CODES)
    z = latent.sample(5)
    ways = latent.traverse(z)
    assert ways.shape == (3 + 5 + 2, 5, 14)
    for row in range(8):
        changed = slice(4, 7) if row < 3 else slice(7, 12)
        same = [place for place in range(14) if place not in range(14)[changed]]
        assert torch.equal(ways[row][:, same], z[:, same])
        assert torch.equal(ways[row, :, changed].argmax(1), torch.full((5,), row if row < 3 else row - 3))
        assert ways[row, :, changed].sum(1).tolist() == [1] * 5
    for row, place in ((8, 12), (9, 13)):
        same = [other for other in range(14) if other != place]
        assert torch.equal(ways[row][:, same], z[:1, same].expand(5, -1))
        assert ways[row, :, place].tolist() == [-2, -1, 0, 1, 2]


@pytest.mark.parametrize(
    ("dim", "codes", "message"),
    [
        (12, {"categorical": [10], "continuous": 2}, "dim=12 leaves no noise beside codes of 12 numbers"),
        (12, {"categorical": [1]}, "each at least 2"),
        (12, {"categorical": [2.5]}, "each at least 2"),
        (12, {"continuous": -1}, "needs a code"),
        (12, {}, "needs a code"),
    ],
)
def test_codes_that_make_no_sense_are_refused(dim: int, codes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Latent(dim, "normal", codes)
