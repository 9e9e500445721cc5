"""The Dirac-GAN: a generator that is a point theta, real images at 0, and D(x) = psi x (Mescheder et al. 2018, 2).

Orbits (theta, psi) of gradient descent on the library's games, and the eigenvalues of one round at the equilibrium (0, 0).

usage: python docs/figures/dirac_gan.py
"""

import cmath
import itertools
from typing import Any, NamedTuple

import torch
from drawing import BLUE, FAINT, RED, YELLOW, panels, save
from games import always, game
from matplotlib.axes import Axes
from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.losses.game import Game

RATE, ROUNDS = 0.2, 500
"""Those of the authors' code, which starts at (1, 1) too."""


class Generator(nn.Module):
    """theta, whatever the latent is."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.theta.expand(len(z), 1, 1, 1)


class Discriminator(nn.Module):
    """psi x, whose sign is that of the library: large where an image looks real."""

    def __init__(self, psi: float) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi, dtype=torch.float64))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        return Verdict((self.psi * image).flatten(), image)


class Dirac(NamedTuple):
    """A game, and how it is played: "simultaneous" is as `system=one_stage`, otherwise as `system=gan`."""

    game: Game
    simultaneous: bool = False
    rate: float = RATE

    def after(self, theta: float, psi: float) -> tuple[float, float]:
        """Both players after one round of gradient descent."""
        generator, discriminator = Generator(theta), Discriminator(psi)
        before = self.generator_slope(generator, discriminator)
        with torch.no_grad():
            for _ in range(self.game.n_critic):
                discriminator.psi -= self.rate * self.discriminator_slope(generator, discriminator)
                if self.game.constraint is not None:
                    self.game.constraint(discriminator)
            slope = before if self.simultaneous else self.generator_slope(generator, discriminator)
            generator.theta -= self.rate * slope
        return generator.theta.item(), discriminator.psi.item()

    @torch.enable_grad()
    def discriminator_slope(self, generator: Generator, discriminator: Discriminator) -> Tensor:
        def critic(images: Tensor) -> Tensor:
            return discriminator(images).logits

        real, fake = REAL, generator(REAL).detach()
        terms = self.game.discriminator_terms(critic(real), critic(fake))
        terms |= self.game.penalty_terms(critic, real, fake, always)
        return torch.autograd.grad(torch.stack(list(terms.values())).sum(), discriminator.psi)[0]

    @torch.enable_grad()
    def generator_slope(self, generator: Generator, discriminator: Discriminator) -> Tensor:
        logits = discriminator(generator(REAL)).logits
        terms = self.game.generator_terms(lambda: discriminator(REAL).logits, logits)
        return torch.autograd.grad(terms["adversarial"], generator.theta)[0]

    def orbit(self, rounds: int = ROUNDS, start: tuple[float, float] = (1.0, -1.0)) -> Tensor:
        """(rounds + 1, 2); the authors' psi has the other sign, so that theirs starts at (1, 1)."""
        places = [start]
        for _ in range(rounds):
            places.append(self.after(*places[-1]))
        return torch.tensor(places, dtype=torch.float64)

    def eigenvalues(self) -> list[complex]:
        """Of the Jacobian of a round at (0, 0), by central differences."""
        step = 1e-5
        ahead = torch.tensor([self.after(step, 0.0), self.after(0.0, step)], dtype=torch.float64)
        back = torch.tensor([self.after(-step, 0.0), self.after(0.0, -step)], dtype=torch.float64)
        return by_imaginary_part(torch.linalg.eigvals((ahead - back) / (2 * step)).tolist())


REAL = torch.zeros(1, 1, 1, 1, dtype=torch.float64)


def simultaneous(rate: float, gamma: float = 0.0) -> list[complex]:
    """1 + h lambda, lambda = -gamma/2 +- sqrt(gamma^2/4 - f'(0)^2) and f'(0) = 1/2: lemma 2.4; 3.3 with R1."""
    root = cmath.sqrt(gamma**2 / 4 - 0.25)
    return by_imaginary_part([1 + rate * (-gamma / 2 + sign * root) for sign in (-1, 1)])


def alternating(rate: float, n_critic: int = 1) -> list[complex]:
    """1 - alpha^2/2 +- sqrt((1 - alpha^2/2)^2 - 1) and alpha = sqrt(n_critic) h f'(0): lemma 2.5."""
    middle = 1 - n_critic * (rate / 2) ** 2 / 2
    return by_imaginary_part([middle + sign * cmath.sqrt(middle**2 - 1) for sign in (-1, 1)])


def by_imaginary_part(numbers: list[complex]) -> list[complex]:
    return sorted(numbers, key=lambda number: (round(number.imag, 6), number.real))


def r1(gamma: float, loss: str = "r1", **how: Any) -> Dirac:
    return Dirac(game(f"loss={loss}", "penalty=r1", "loss.penalties.r1.interval=1", f"loss.penalties.r1.weight={gamma}"), **how)


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


def distance(place: Tensor) -> float:
    return place.norm().item()


def draw(orbits: dict[str, list[Tensor]]) -> None:
    figure, panel = panels(3, 2, height=2.5)
    for axes, (title, lines), played in zip(panel, orbits.items(), games().values(), strict=True):
        draw_field(axes, played[0])
        for line, colour in zip(lines, (BLUE, YELLOW), strict=False):
            axes.plot(*line.T, color=colour, linewidth=0.8, marker="o", markersize=1.2)
        axes.plot(*lines[0][0], "o", color=RED)
        axes.plot(0, 0, "+", color="black", markersize=9)
        axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal", title=title, xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    panel[3].set(xlabel="theta", ylabel="psi")
    save(figure, __file__)


def draw_field(axes: Axes, played: Dirac) -> None:
    """Where both players would step to."""
    ticks = torch.linspace(-2, 2, 9).tolist()
    for theta, psi in itertools.product(ticks, ticks):
        players = Generator(theta), Discriminator(psi)
        step = -played.generator_slope(*players).item(), -played.discriminator_slope(*players).item()
        axes.quiver(theta, psi, *step, color=FAINT, alpha=0.5, angles="xy", scale=22, width=0.006)


def main() -> None:
    orbits = {title: [dirac.orbit() for dirac in played] for title, played in games().items()}
    for title, lines in orbits.items():
        for line in lines:
            print(f"{title}: distance {distance(line[0]):.3f}, after {ROUNDS} rounds {distance(line[-1]):.3g}, "
                  f"largest in the last 100 {line[-100:].norm(dim=1).max().item():.3g}")
    claims = {
        "minimax, simultaneous": (Dirac(game("loss=minimax"), simultaneous=True), simultaneous(RATE)),
        "minimax, alternating": (Dirac(game("loss=minimax")), alternating(RATE)),
        "minimax, alternating, h = 4.5": (Dirac(game("loss=minimax"), rate=4.5), alternating(4.5)),
        **{f"r1, simultaneous, gamma = {gamma}": (r1(gamma, simultaneous=True), simultaneous(RATE, gamma))
           for gamma in (0.3, 1.0, 2.0)},
    }
    for title, (dirac, claimed) in claims.items():
        pairs = [f"{found:.5f} (claimed {claim:.5f}), modulus {abs(found):.5f}" for found, claim in zip(dirac.eigenvalues(), claimed, strict=True)]
        print(f"eigenvalues, {title}: {'; '.join(pairs)}")
    draw(orbits)


if __name__ == "__main__":
    main()
