"""Whose turn it is: the alternating optimisation that every adversarial game shares."""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganforge.interfaces import Batch, Critic, Terms
from ganforge.losses.game import Game
from ganforge.systems.system import System, frozen


class AdversarialModule(System):
    """A generator against a discriminator. A round is `n_critic` discriminator turns and one generator turn.

    A subclass draws fakes, and names the terms of each player. The clock counts the images of the discriminator's
    turns. `fakes` says which fakes the generator's turn is about: "fresh" ones (Goodfellow et al. 2014, algorithm 1),
    or those "shared" with the discriminator's turn before it, so that they are drawn once.
    """

    players: ClassVar = ("discriminator", "generator")
    averaged_player: ClassVar = "generator"
    plays: ClassVar = Game
    goes_with: ClassVar = (
        "a model that has a discriminator, and any loss but elbo, which goes with model=vae or vae_conv"
    )
    per_sample: ClassVar[bool] = False
    """Whether each fake needs a gradient of its own."""
    generator: nn.Module
    discriminator: nn.Module

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        game: Game,
        fakes: Literal["shared", "fresh"] = "fresh",
        **system: Any,
    ) -> None:
        super().__init__({"generator": generator, "discriminator": discriminator}, **system)
        self.game = game
        self.fakes = fakes

    def draw(self, batch: Batch) -> Any:
        """As many fakes as the batch has images, as the terms take them."""
        raise AssertionError("a subclass draws the fakes")

    @torch.no_grad()
    def draw_constant(self, batch: Batch) -> Any:
        """The same for a turn that the generator takes no part in."""
        return self.draw(batch)

    def discriminator_terms(self, batch: Batch, drawn: Any) -> Terms:
        raise AssertionError("a subclass names the discriminator's terms")

    def generator_terms(self, batch: Batch, drawn: Any) -> Terms:
        raise AssertionError("a subclass names the generator's terms")

    @property
    def batches_per_round(self) -> int:
        return self.game.n_critic * self.settings.accumulate_grad_batches

    def play(self, batch: Batch) -> None:
        *earlier, last = batch.chunks(self.game.n_critic)
        for turn in earlier:
            self.discriminator_turn(turn, map(self.draw_constant, self.parts(turn)))
        if self.fakes == "shared":
            drawn = [self.draw(part) for part in self.parts(last)]
            self.discriminator_turn(last, drawn)
            self.generator_turn(last, drawn)
        else:
            self.discriminator_turn(last, map(self.draw_constant, self.parts(last)))
            self.generator_turn(last, map(self.draw, self.parts(last)))

    def discriminator_turn(self, batch: Batch, drawn: Iterable[Any]) -> None:
        self.turn("discriminator", map(self.discriminator_terms, self.parts(batch), drawn))
        self.constrain()
        self.advance(batch)

    def generator_turn(self, batch: Batch, drawn: Iterable[Any]) -> None:
        with frozen(self.discriminator):
            self.turn("generator", map(self.generator_terms, self.parts(batch), drawn))

    def turns_before(self, batch: Batch) -> int:
        """Discriminator turns that were complete before this one, of which `batch` is a part."""
        images = len(batch.images) * self.settings.accumulate_grad_batches * self.trainer.world_size
        return self.progress.images_seen // images

    def uncompiled(self, critic: Critic) -> Critic:
        """The same for penalties, which differentiate it twice."""

        def eager(images: Tensor) -> Tensor:
            with torch.compiler.set_stance("force_eager") if self.settings.compile else nullcontext():
                return critic(images)

        return eager

    def scheduled_keys(self, owner: str) -> set[str]:
        if owner == "game":
            return {"share"}
        return {"weight"} if owner in self.game.penalties else super().scheduled_keys(owner)

    def follow(self, owner: str, key: str, value: float) -> None:
        if owner == "game":
            self.game.share = value
        elif owner in self.game.penalties:
            self.game.penalties[owner].weight = value
        else:
            super().follow(owner, key, value)

    def constrain(self) -> None:
        if self.game.constraint is not None:
            self.game.constraint(self.discriminator)
