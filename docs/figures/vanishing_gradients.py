"""The better the discriminator, the less the minimax generator learns (Arjovsky and Bottou 2017, theorem 2.4).

usage: python docs/figures/vanishing_gradients.py
"""

import torch
from drawing import BLUE, CLOSED, GREEN, RED, panels, save
from games import Critic, game
from torch import Tensor

TURNS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
LOSSES = {"minimax": RED, "non_saturating": BLUE, "wgan_gp": GREEN}
Curves = dict[str, list[float]]


def slopes_by_logit(loss: str, logits: Tensor) -> Tensor:
    """|d generator loss / d logit| of a fake at each logit, by the library's own loss."""
    free = logits.clone().requires_grad_()
    each = [game(f"loss={loss}").generator_terms(lambda: free, logit[None])["adversarial"] for logit in free]
    return torch.autograd.grad(torch.stack(each).sum(), free)[0].abs()


def points(centre: float, count: int = 128) -> Tensor:
    """Of a small cloud in the plane."""
    return torch.tensor([centre, 0.0]) + 0.1 * torch.randn(count, 2)


def slopes_by_turn(turns: tuple[int, ...] = TURNS) -> Curves:
    """How steep each generator's loss is in a shift of all fakes, after so many turns of its discriminator.

    Real images are near (0, 0), fakes near (1, 0), and stay there. "mistakes" are the mean of D at fakes, "bound" is
    what the minimax slope is at most: this mean times the steepest slope of the discriminator's logit.
    """
    found: Curves = {name: [] for name in (*LOSSES, "mistakes", "bound")}
    minimax, critic = Critic(game("loss=minimax"), 2), Critic(game("loss=wgan_gp"), 2)
    torch.manual_seed(1)
    real, fake = points(0.0, 1024), points(1.0, 1024)
    for turn in range(1, turns[-1] + 1):
        batch = points(0.0), points(1.0)
        minimax.turn(*batch)
        if turn <= 500:
            critic.turn(*batch)
        if turn in turns:
            found["wgan_gp"].append(critic.slope(real, fake).norm().item())
            for loss in ("minimax", "non_saturating"):
                minimax.game = game(f"loss={loss}")
                found[loss].append(minimax.slope(real, fake).norm().item())
            mistakes, steepest = confidence(minimax, fake)
            found["mistakes"].append(mistakes)
            found["bound"].append(mistakes * steepest)
    return found


def confidence(critic: Critic, fake: Tensor) -> tuple[float, float]:
    """The mean of D over fakes, and the largest norm of the gradient of its logit there."""
    fake = fake.clone().requires_grad_()
    logits = critic(fake)
    (slopes,) = torch.autograd.grad(logits.sum(), fake)
    return logits.sigmoid().mean().item(), slopes.norm(dim=1).max().item()


def draw(curves: Curves) -> None:
    figure, (left, right) = panels(2)
    logits = torch.linspace(-6, 6, 25)
    for loss, colour in LOSSES.items():
        left.plot(logits, slopes_by_logit(loss, logits), "o", markersize=2.5, color=colour)
        right.plot(TURNS, curves[loss], "o-", linewidth=1, color=colour, label=f"loss={loss}")
    left.plot(logits, logits.sigmoid(), zorder=0, **CLOSED)
    left.plot(logits, (-logits).sigmoid(), zorder=0, **CLOSED)
    left.set(title="|d generator loss / d logit|", xlabel="logit of a fake", ylim=(-0.03, 1.1))
    right.plot(TURNS, curves["mistakes"], color="black", linewidth=1, linestyle="--", label="mean D(fake)")
    right.set(title="|d generator loss / d fakes|", xlabel="discriminator turns", xscale="log", yscale="log")
    right.legend(fontsize=8, loc="lower left")
    save(figure, __file__)


def main() -> None:
    curves = slopes_by_turn()
    for number, turn in enumerate(TURNS):
        print(f"{turn} turns: " + ", ".join(f"{name} {values[number]:.2e}" for name, values in curves.items()))
    draw(curves)


if __name__ == "__main__":
    main()
