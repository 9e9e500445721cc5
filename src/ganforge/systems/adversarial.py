"""Whose turn it is: the alternating optimisation that every adversarial game shares."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
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
    averages: ClassVar = {"averaged": "generator"}
    plays: ClassVar = Game
    goes_with: ClassVar = "a model that has a discriminator, and any adversarial loss"
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

    def play_generator_first(self, batch: Batch) -> None:
        """The round of papers whose generator moves before the discriminator has learned from its fakes."""
        first, *later = batch.chunks(self.game.n_critic)
        drawn = [self.draw(part) for part in self.parts(first)]
        self.generator_turn(first, drawn)
        self.discriminator_turn(first, drawn)
        for turn in later:
            self.discriminator_turn(turn, map(self.draw_constant, self.parts(turn)))

    def lazy_terms(self, player: str, batch: Batch, drawn: Any) -> Terms:
        """What a player minimises in a step of its own at every `lazy_interval`-th turn."""
        raise AssertionError("a subclass names them, or plays without")

    def lazy_interval(self, player: str) -> int:
        """1 where there is no such step."""
        return 1

    def correction(self, player: str) -> float:
        """k / (k + 1) where k turns have k + 1 steps (Karras et al. 2020, appendix B)."""
        interval = self.lazy_interval(player)
        return 1.0 if interval == 1 else interval / (interval + 1)

    def player_turn(
        self, player: str, terms: Callable[[Batch, Any], Terms], batch: Batch, drawn: Iterable[Any]
    ) -> None:
        """One step, or two."""
        parts, interval = self.parts(batch), self.lazy_interval(player)
        if interval > 1:
            drawn = list(drawn)
        self.turn(player, map(terms, parts, drawn))
        if interval > 1 and self.turns_before(parts[0], player) % interval == 0:
            self.turn(player, map(partial(self.lazy_terms, player), parts, drawn))

    def discriminator_turn(self, batch: Batch, drawn: Iterable[Any]) -> None:
        self.player_turn("discriminator", self.discriminator_terms, batch, drawn)
        self.constrain()
        self.advance(batch)

    def generator_turn(self, batch: Batch, drawn: Iterable[Any]) -> None:
        with frozen(self.discriminator):
            self.player_turn("generator", self.generator_terms, batch, drawn)

    def turns_before(self, batch: Batch, player: str = "discriminator") -> int:
        """The player's turns that are complete; `batch` is a part of one."""
        images = len(batch.images) * self.settings.accumulate_grad_batches * self.trainer.world_size
        return self.progress.images_seen // images // (self.game.n_critic if player == "generator" else 1)

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
