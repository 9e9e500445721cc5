"""One Gaussian q for a mixture p of two: KL(p | q) covers both modes, KL(q | p) seeks one.

Maximum likelihood, with the library's Gaussian likelihood, descends KL(p | q). A generator against the best
discriminator of minimax, whose logit is log p - log q, descends KL(q | p) with the generator's loss of hinge or wgan,
JS with that of minimax, and KL(q | p) - 2 JS with that of non_saturating (Arjovsky and Bottou 2017, theorem 2.5).

usage: python docs/figures/kullback_leibler.py
"""

import math
from collections.abc import Callable

import torch
from drawing import BLUE, CLOSED, GREEN, RED, YELLOW, panels, save
from games import game
from torch import Tensor
from torch.distributions import Normal
from torch.func import functional_call

from ganforge.losses.elbo import Gaussian

MODE, WIDTH = 0.6, 0.15
POINTS = 4_000
START, BROAD = (0.3, 0.3), (0.1, 0.4)
"""Mean and deviation that the fits begin with: those of the picture, and others that are printed too."""
LOSSES = ("hinge", "minimax", "non_saturating")
Loss = Callable[[Tensor], Tensor]
"""Of the parameters of q."""


def quantiles(count: int = POINTS) -> Tensor:
    """Points that divide N(0, 1) into equal shares, so that no chance is left."""
    return Normal(0, 1).icdf((torch.arange(count, dtype=torch.float64) + 0.5) / count)


def gaussian(mean: float, deviation: float) -> Tensor:
    """The parameters of q: its mean and the logarithm of its deviation (2,)."""
    return torch.tensor([mean, math.log(deviation)], dtype=torch.float64)


def log_p(x: Tensor) -> Tensor:
    return torch.stack([Normal(mode, WIDTH).log_prob(x) for mode in (-MODE, MODE)]).logsumexp(0) - math.log(2)


def log_q(x: Tensor, q: Tensor) -> Tensor:
    return Normal(q[0], q[1].exp()).log_prob(x)


def likelihood(q: Tensor) -> Tensor:
    """-E_p[log q(x)], by the likelihood that autoencoders learn with: its mean is tanh(logits / 2)."""
    images = (torch.tensor([[-MODE], [MODE]]) + WIDTH * quantiles(POINTS // 2)).reshape(-1, 1, 1, 1)
    logits = (2 * q[0].atanh()).expand_as(images)
    return -functional_call(Gaussian(), {"log_sigma": q[1]}, (logits, images)).mean()


def adversarial(loss: str) -> Loss:
    """What a generator with the latent z makes, mean + deviation z, costs before the best discriminator."""
    played, z = game(f"loss={loss}"), quantiles()

    def cost(q: Tensor) -> Tensor:
        def logits(x: Tensor) -> Tensor:
            return log_p(x) - log_q(x, q.detach())

        return played.generator_terms(lambda: logits(z), logits(q[0] + q[1].exp() * z))["adversarial"]

    return cost


def divergences(q: Tensor) -> dict[str, Tensor]:
    """In nats, by quadrature, under the name of the loss that descends each; JS twice, as in V."""
    x = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    p, of_q = log_p(x), log_q(x, q)
    middle = torch.logaddexp(p, of_q) - math.log(2)
    forward, reverse = integral(p, of_q, x), integral(of_q, p, x)
    twice = integral(p, middle, x) + integral(of_q, middle, x)
    return {"likelihood": forward, "hinge": reverse, "minimax": twice, "non_saturating": reverse - twice}


def integral(first: Tensor, second: Tensor, x: Tensor) -> Tensor:
    """KL of two densities, given their logarithms."""
    return torch.trapezoid(first.exp() * (first - second), x)


def slope(cost: Loss, mean: float, deviation: float) -> Tensor:
    """d cost / d (mean, log deviation)."""
    return torch.autograd.functional.jacobian(cost, gaussian(mean, deviation))


def fit(cost: Loss, start: tuple[float, float] = START, turns: int = 400) -> tuple[float, float]:
    """Mean and deviation of q after gradient descent by Adam, with a rate that falls to 0."""
    q = gaussian(*start).requires_grad_()
    optimizer = torch.optim.Adam([q], 0.05)
    for turn in range(turns):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - turn / turns)
        optimizer.zero_grad()
        cost(q).backward()
        optimizer.step()
    return q[0].item(), q[1].exp().item()


def fits(start: tuple[float, float] = START) -> dict[str, tuple[float, float]]:
    return {"likelihood": fit(likelihood, start)} | {loss: fit(adversarial(loss), start) for loss in LOSSES}


def draw(found: dict[str, tuple[float, float]]) -> None:
    looks = {
        "likelihood": ("maximum likelihood: KL(p | q)", GREEN, 4, "-"),
        "hinge": ("generator of hinge: KL(q | p)", BLUE, 4, "-"),
        "minimax": ("generator of minimax: JS", RED, 1.5, "--"),
        "non_saturating": ("generator of non_saturating: KL(q | p) - 2 JS", YELLOW, 1.5, "--"),
    }
    figure, (axes,) = panels(1)
    x = torch.linspace(-2, 2, 801, dtype=torch.float64)
    axes.fill_between(x, log_p(x).exp(), color=CLOSED["color"], alpha=0.25, linewidth=0, label="p, the data")
    for name, q in found.items():
        label, colour, width, dashes = looks[name]
        axes.plot(x, Normal(*q).log_prob(x).exp(), dashes, color=colour, linewidth=width, label=label)
    axes.set(title="One Gaussian q, by what it minimises", xlabel="x", ylabel="density", xlim=(-2, 2), ylim=(0, 2.9))
    axes.legend(loc="upper left", fontsize=7.5)
    save(figure, __file__)


def main() -> None:
    for start in (BROAD, START):
        found = fits(start)
        for name, (mean, deviation) in found.items():
            costs = divergences(gaussian(mean, deviation))
            print(
                f"from {start}, {name}: mean {mean:.3f}, deviation {deviation:.3f}; "
                f"KL(p | q) {costs['likelihood']:.3f}, KL(q | p) {costs['hinge']:.3f}, JS {costs['minimax'] / 2:.3f}"
            )
    draw(found)


if __name__ == "__main__":
    main()
