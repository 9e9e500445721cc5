"""The best discriminator is p / (p + q), and its value 2 JS(p, q) - log 4 (Goodfellow et al. 2014, 4.1).

The discriminator is a table: one free logit for each bin of a line, learned with the library's minimax game.

usage: python docs/figures/optimal_discriminator.py
"""

import math
from typing import NamedTuple

import torch
from drawing import BLUE, CLOSED, GREEN, RED, panels, save
from games import game
from torch import Tensor
from torch.distributions import Normal

EDGES = torch.linspace(-6, 12, 145, dtype=torch.float64)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
POINTS = 4_000
Gaussian = tuple[float, float]
"""Mean and deviation; of several, each has the same weight."""


class Best(NamedTuple):
    """Of the bins that have a real or a fake point: their places, shares of both, and the best logits there (K,)."""

    places: Tensor
    real: Tensor
    fake: Tensor
    logits: Tensor
    value: float


def density(places: Tensor, *parts: Gaussian) -> Tensor:
    return torch.stack([Normal(*part, validate_args=False).log_prob(places).exp() for part in parts]).mean(0)


def bins_of(*parts: Gaussian) -> Tensor:
    """The bins of POINTS points that divide each part into equal shares, so that no chance is left."""
    count = POINTS // len(parts)
    shares = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return torch.bucketize(torch.cat([Normal(*part).icdf(shares) for part in parts]), EDGES[1:-1])


def best_discriminator(p: list[Gaussian], q: list[Gaussian]) -> Best:
    """The maximum of V over all functions on the bins."""
    minimax, real, fake = game("loss=minimax"), bins_of(*p), bins_of(*q)
    table = torch.zeros(len(CENTRES), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([table], max_iter=300, tolerance_grad=1e-9, tolerance_change=0)

    def loss() -> Tensor:
        optimizer.zero_grad()
        cost = minimax.discriminator_terms(table[real], table[fake])["adversarial"]
        cost.backward()
        return cost

    optimizer.step(loss)
    shares = [bins.bincount(minlength=len(CENTRES)).double() / POINTS for bins in (real, fake)]
    met = (shares[0] + shares[1]) > 0
    return Best(CENTRES[met], shares[0][met], shares[1][met], table.detach()[met], -loss().item())


def jensen_shannon(p: list[Gaussian], q: list[Gaussian]) -> float:
    """In nats, by quadrature."""
    places = torch.linspace(-12, 16, 20_001, dtype=torch.float64)
    of_p, of_q = density(places, *p), density(places, *q)
    mean = (of_p + of_q) / 2
    return sum(torch.trapezoid(torch.xlogy(of, of / mean), places).item() for of in (of_p, of_q)) / 2


P, Q = [(-1.5, 0.5), (1.0, 0.7)], [(0.0, 1.2)]
DISTANCES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def draw(best: Best, values: list[float]) -> None:
    figure, (left, right) = panels(2)
    line = torch.linspace(-4, 4, 400, dtype=torch.float64)
    p, q = density(line, *P), density(line, *Q)
    left.plot(line, p / (p + q), label="p / (p + q)", **CLOSED)
    met = (best.real + best.fake) * POINTS >= 20  # beyond, a share is a matter of single points
    left.plot(best.places[met], best.logits[met].sigmoid(), "o", color=BLUE, markersize=2.5, label="D, learned")
    left.plot(line, p, color=GREEN, linewidth=1, label="p, real")
    left.plot(line, q, color=RED, linewidth=1, label="q, fake")
    left.set(xlim=(-4, 4), ylim=(-0.02, 1.05), title="The best discriminator", xlabel="x")
    left.legend(loc="upper right", fontsize=8)
    smooth = torch.linspace(0, 6, 40).tolist()
    right.plot(smooth, [theorem_1(distance) for distance in smooth], label="2 JS(p, q) - log 4", **CLOSED)
    right.plot(DISTANCES, values, "o", color=BLUE, label="V of the learned D")
    right.axhline(-math.log(4), color=RED, linewidth=1, linestyle="--", label="-log 4")
    right.set(title="Its value", xlabel="distance between the means of p and q (deviation 1)", ylim=(-1.5, 0.1))
    right.legend(loc="center right", fontsize=8)
    save(figure, __file__)


def theorem_1(distance: float) -> float:
    """The value of two Gaussians of deviation 1."""
    return 2 * jensen_shannon([(0, 1)], [(distance, 1)]) - math.log(4)


def main() -> None:
    best = best_discriminator(P, Q)
    error = (best.logits.sigmoid() - best.real / (best.real + best.fake)).abs().max().item()
    print(f"largest |D - p / (p + q)| over {len(best.places)} bins: {error:.1e}")
    values = [best_discriminator([(0, 1)], [(distance, 1)]).value for distance in DISTANCES]
    for distance, value in zip(DISTANCES, values, strict=True):
        print(f"distance {distance}: V = {value:.4f}, 2 JS - log 4 = {theorem_1(distance):.4f}")
    draw(best, values)


if __name__ == "__main__":
    main()
