"""Two parallel lines, theta apart: the Jensen-Shannon divergence is log 2, the Wasserstein distance |theta|.

Arjovsky et al. 2017, "Wasserstein GAN", example 1. Both are measured by the discriminator of model=mlp after some
hundred turns, in the library's games.

usage: python docs/figures/parallel_lines.py
"""

import math
from typing import NamedTuple

import torch
from drawing import BLUE, CLOSED, RED, panels, save
from games import Critic, game

DISTANCES = (-2.0, -1.5, -1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0, 1.5, 2.0)
BATCH = 128


class Measured(NamedTuple):
    """A divergence, and the slope of the generator's loss in theta."""

    distance: float
    slope: float


def lines(theta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of {0} x [0, 1] and of {theta} x [0, 1]."""
    real, fake = torch.rand(2, BATCH, 2).unbind()
    real[:, 0], fake[:, 0] = 0, theta
    return real, fake


def trained(word: str, theta: float, turns: int) -> tuple[Critic, float, float]:
    """A critic, its value and its slope at points that are evenly spaced."""
    critic = Critic(game(*word.split()), 2)
    for turn in range(turns):
        critic.optimizer.param_groups[0]["lr"] = 2e-3 * (1 - turn / turns)
        critic.turn(*lines(theta))
    even = torch.linspace(0, 1, BATCH)
    real, fake = (torch.stack([torch.full((BATCH,), at), even], 1) for at in (0.0, theta))
    return critic, critic.value(real, fake), critic.slope(real, fake)[0].item()


def jensen_shannon(theta: float, turns: int = 400) -> Measured:
    """V = 2 JS - log 4 of the best discriminator, in nats."""
    _, value, slope = trained("loss=minimax", theta, turns)
    return Measured((value + math.log(4)) / 2, slope)


def wasserstein(theta: float, turns: int = 600) -> Measured:
    _, value, slope = trained("loss=wgan_gp", theta, turns)
    return Measured(value, slope)


def penalised(theta: float, weight: float = 10.0) -> float:
    """What the best critic of WGAN-GP measures. Its slope s on the segments maximises s |theta| - weight (s - 1)^2."""
    return abs(theta) * (1 + abs(theta) / (2 * weight))


def draw(divergences: list[Measured], distances: list[Measured]) -> None:
    figure, (left, right) = panels(2)
    smooth = torch.linspace(-2.1, 2.1, 101).tolist()
    left.plot(smooth, [math.log(2)] * 101, label="JS = log 2", **CLOSED)
    left.plot(smooth, [abs(theta) for theta in smooth], label="W = |theta|", **(CLOSED | {"linestyle": ":"}))
    left.plot(smooth, [penalised(theta) for theta in smooth], color=BLUE, linewidth=0.8, label="W with the penalty")
    left.plot(DISTANCES, [found.distance for found in divergences], "o", color=RED, label="loss=minimax")
    left.plot(DISTANCES, [found.distance for found in distances], "s", color=BLUE, label="loss=wgan_gp")
    left.set(title="What the discriminator measures", xlabel="theta", ylim=(-0.05, 3.4))
    left.legend(fontsize=7.5, loc="upper center", ncols=2)
    right.plot(DISTANCES, [found.slope for found in divergences], "o-", color=RED, linewidth=1, label="loss=minimax")
    right.plot(DISTANCES, [found.slope for found in distances], "s-", color=BLUE, linewidth=1, label="loss=wgan_gp")
    right.set(title="What the generator is left with", xlabel="theta", ylabel="d generator loss / d theta")
    right.legend(fontsize=8, loc="upper left")
    save(figure, __file__)


def main() -> None:
    divergences, distances = [jensen_shannon(theta) for theta in DISTANCES], [wasserstein(theta) for theta in DISTANCES]
    for theta, divergence, measured in zip(DISTANCES, divergences, distances, strict=True):
        js, w = f"JS {divergence.distance:.4f}", f"W {measured.distance:.4f} (penalised: {penalised(theta):.4f})"
        print(f"theta {theta:+.1f}: {js}, slope {divergence.slope:+.4f}; {w}, slope {measured.slope:+.4f}")
    draw(divergences, distances)


if __name__ == "__main__":
    main()
