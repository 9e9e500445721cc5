"""The Dirac-GAN: a generator that is a point theta, real images at 0, and D(x) = psi x (Mescheder et al. 2018, 2).

It plays the library's games by gradient descent; beside it the eigenvalues that the paper gives its rounds.
"""

import cmath
from typing import Any, NamedTuple

import torch
from games import always, game
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
    penalty = "penalty=r1", "loss.penalties.r1.interval=1", f"loss.penalties.r1.weight={gamma}"
    return Dirac(game(f"loss={loss}", *penalty), **how)
