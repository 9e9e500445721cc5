"""The game of a command line: `game("loss=wgan_gp", "loss.n_critic=2")` is what `python src/train.py` would play."""

from functools import cache
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from torch import Tensor, nn

from ganforge.configuration.build import create
from ganforge.losses.game import Game
from ganforge.networks.mlp import Discriminator

CONF = Path(__file__).resolve().parents[2] / "conf"


@cache
def game(*words: str) -> Game:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", list(words))
    found: Game = create(config.system.game, "system.game")
    return found


def always(interval: int) -> bool:
    """Every penalty is due."""
    return True


class Critic:
    """The discriminator of model=mlp, learning about points (B, D) that are 1x1 images with D channels."""

    def __init__(self, played: Game, dimension: int, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.game = played
        self.network: nn.Module = Discriminator(1, dimension, [64, 64])
        self.optimizer = torch.optim.Adam(self.network.parameters(), 2e-3, betas=(0.0, 0.9))

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (B,)."""
        logits: Tensor = self.network(points.view(*points.shape, 1, 1)).logits
        return logits

    def turn(self, real: Tensor, fake: Tensor) -> None:
        terms = self.game.discriminator_terms(self(real), self(fake))
        terms |= self.game.penalty_terms(self, real, fake, always)
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        self.optimizer.step()

    def value(self, real: Tensor, fake: Tensor) -> float:
        """What the discriminator maximises without penalties: V(D, G), or the distance that a critic measures."""
        with torch.no_grad():
            return -self.game.discriminator_terms(self(real), self(fake))["adversarial"].item()

    def slope(self, real: Tensor, fake: Tensor) -> Tensor:
        """d generator loss / d theta (D,) where theta moves all fakes alike."""
        theta = torch.zeros(fake.shape[1], requires_grad=True)
        loss = self.game.generator_terms(lambda: self(real), self(fake + theta))["adversarial"]
        return torch.autograd.grad(loss, theta)[0]
