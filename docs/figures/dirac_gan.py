"""The orbits of the Dirac-GAN, and the eigenvalues of a round at its equilibrium (Mescheder et al. 2018, figure 2).

usage: python docs/figures/dirac_gan.py
"""

import itertools

import torch
from dirac import RATE, ROUNDS, Dirac, Discriminator, Generator, alternating, r1, simultaneous
from drawing import BLUE, FAINT, RED, YELLOW, panels, save
from games import game
from matplotlib.axes import Axes
from torch import Tensor


def games() -> dict[str, list[Dirac]]:
    """What is drawn, by title."""
    return {
        "minimax, simultaneous": [Dirac(game("loss=minimax"), simultaneous=True)],
        "minimax": [Dirac(game("loss=minimax"))],
        "non_saturating": [Dirac(game("loss=non_saturating"))],
        "wgan, bound 1": [Dirac(game("loss=wgan", "loss.constraint.bound=1"))],
        "wgan_gp, weight 0.35": [Dirac(game("loss=wgan_gp", "loss.penalties.gradient_penalty.weight=0.35"))],
        "r1, weight 0.3 and 1": [r1(0.3), r1(1.0)],
    }


def draw(orbits: dict[str, list[Tensor]]) -> None:
    figure, panel = panels(3, 2, height=2.5)
    for axes, (title, lines), played in zip(panel, orbits.items(), games().values(), strict=True):
        draw_field(axes, played[0])
        for line, colour in zip(lines, (BLUE, YELLOW), strict=False):
            axes.plot(*line.T, color=colour, linewidth=0.8, marker="o", markersize=1.2)
        axes.plot(*lines[0][0], "o", color=RED)
        axes.plot(0, 0, "+", color="black", markersize=9)
        axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal", title=title, xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    for number, axes in enumerate(panel):
        axes.set(xlabel="theta" if number > 2 else "", ylabel="psi" if number % 3 == 0 else "")
    save(figure, __file__)


def draw_field(axes: Axes, played: Dirac) -> None:
    """Where both players would step to."""
    ticks = torch.linspace(-2, 2, 9).tolist()
    places = list(itertools.product(ticks, ticks))
    steps = []
    for theta, psi in places:
        players = Generator(theta), Discriminator(psi)
        steps.append((-played.generator_slope(*players).item(), -played.discriminator_slope(*players).item()))
    axes.quiver(
        *zip(*places, strict=True),
        *zip(*steps, strict=True),
        color=FAINT,
        alpha=0.5,
        angles="xy",
        scale=22,
        width=0.006,
    )


def claims() -> dict[str, tuple[Dirac, list[complex]]]:
    """What is played, and the eigenvalues of one round that the paper gives it."""
    minimax = game("loss=minimax")
    return {
        "minimax, simultaneous": (Dirac(minimax, simultaneous=True), simultaneous(RATE)),
        "minimax": (Dirac(minimax), alternating(RATE)),
        "minimax, rate 4.5": (Dirac(minimax, rate=4.5), alternating(4.5)),
        **{
            f"r1, simultaneous, weight {gamma}": (r1(gamma, simultaneous=True), simultaneous(RATE, gamma))
            for gamma in (0.3, 1.0, 2.0)
        },
    }


def main() -> None:
    orbits = {title: [dirac.orbit() for dirac in played] for title, played in games().items()}
    for title, lines in orbits.items():
        ends = " and ".join(f"{line[-100:].norm(dim=1).max().item():.2g}" for line in lines)
        print(f"{title}: at most {ends} from the equilibrium in the last 100 of {ROUNDS} rounds; at first {2**0.5:.2f}")
    for title, (dirac, claimed) in claims().items():
        for found, claim in zip(dirac.eigenvalues(), claimed, strict=True):
            print(f"{title}: eigenvalue {found:.5f}, claimed {claim:.5f}, modulus {abs(found):.5f}")
    draw(orbits)


if __name__ == "__main__":
    main()
