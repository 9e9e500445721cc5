"""Noise to image: the game of Goodfellow et al. 2014."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganforge.compat.torch import BatchNorm
from ganforge.interfaces import Augmentation, Batch, Critic, Drawn, Inputs, Terms, Turn, Verdict
from ganforge.regularizers.regularizer import Regularizer, Regularizers
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.pictures import COLUMNS


class GANModule(AdversarialModule):
    """A generator from latents to images against a discriminator of images, for any loss, penalty and constraint.

    A batch's labels go with its real images and with its fakes alike; networks that take none ignore them. What the
    discriminator sees passes through `augment`. `regularizers` are named by the user, as penalties are. `lazy` says
    whether terms with an interval are minimised in "joint" steps with the others, or in a step of their "own" after
    that (Karras et al. 2020, appendix B), for which rates and betas are then corrected. `judging` says whether the
    discriminator judges real images and fakes "apart", or "together" as one batch, in which it must not mix images: its
    spectral norms then take one step of power iteration in a turn, not two (Brock et al. 2019, the authors' code).
    """

    def __init__(
        self,
        latent: Latent,
        augment: Augmentation | None = None,
        regularizers: Mapping[str, Regularizer] | None = None,
        lazy: Literal["joint", "own"] = "joint",
        judging: Literal["apart", "together"] = "apart",
        **adversarial: Any,
    ) -> None:
        super().__init__(**adversarial)
        self.latent = latent
        self.augment = augment
        self.regularizers = Regularizers(regularizers)
        self.lazy = lazy
        for name in self.regularizers:
            self.regularizers.member(name).refuse(self.generator, self.discriminator)
        self.judging = judging
        if judging == "together" and any(map(mixes_images, self.discriminator.modules())):
            raise ValueError(
                "system.judging=together: the discriminator's batch norm would mix real images with fakes, or its "
                "minibatch deviation would. Use apart, or a discriminator with neither"
            )
        for name in self.game.penalties.keys() & self.regularizers.keys():
            raise ValueError(f"a penalty and a regularizer are both called {name}: rename one")

    def start_from(self, batch: Batch) -> None:
        """Networks with weight norm start from the images of all processes, and from as many latents, alike in each."""
        starters = [player for player in self.players if hasattr(getattr(self, player), "start_from")]
        if not starters:
            return
        images: Any = batch.images
        if self.trainer.world_size > 1:
            images = self.trainer.strategy.all_gather(images).flatten(0, 1)
        latents = self.latent.sample(len(images), self.device).to(images.dtype)
        for player in starters:
            getattr(self, player).start_from(latents if player == "generator" else images)

    def inputs(self, batch: Batch) -> Inputs:
        """What the fakes of a turn start from."""
        z = self.latent.sample(len(batch.images), self.device)
        return Inputs(z.to(batch.images.dtype), batch.labels)

    def draw(self, batch: Batch) -> Drawn:
        inputs = self.inputs(batch)
        return Drawn(self.generator(*inputs), inputs)

    def judge(self, images: Tensor, batch: Batch) -> Verdict:
        """The discriminator's verdict on images; image number i is taken for one of the batch's class i."""
        seen = images if self.augment is None else self.augment(images)
        return self.discriminator(seen, batch.labels)

    def discriminator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        turn = self.turn_about(batch, drawn._replace(images=drawn.images.detach()))
        if self.judging == "together":
            turn = self.as_one_batch(turn)
        real, fake = turn.real().logits, turn.fake().logits
        self.observe_logits(real, fake)
        terms = self.game.discriminator_terms(real, fake) | self.penalty_terms(batch, drawn)
        return terms | self.regularizer_terms("discriminator", turn)

    def generator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        turn = self.turn_about(batch, drawn, torch.no_grad)
        terms = self.game.generator_terms(lambda: turn.real().logits, turn.fake().logits)
        return terms | self.regularizer_terms("generator", turn)

    def turn_about(self, batch: Batch, drawn: Drawn, on_real: Callable[[], Any] = nullcontext) -> Turn:
        """`on_real` is the context in which real images are judged."""

        @cache
        def real() -> Verdict:
            with on_real():
                return self.judge(batch.images, batch)

        judge = partial(self.judge, batch=batch)
        fake = cache(partial(judge, drawn.images))
        images_seen = self.progress.images_seen
        return Turn(batch, drawn, real, fake, judge, self.generator, self.discriminator, images_seen)

    def as_one_batch(self, turn: Turn) -> Turn:
        """The same turn, with both verdicts from one pass."""

        @cache
        def verdicts() -> list[Verdict]:
            images, labels = torch.cat([turn.batch.images, turn.drawn.images]), turn.batch.labels
            both = self.judge(images, Batch(images, None if labels is None else labels.repeat(2)))
            return [Verdict(*half) for half in zip(*map(halves, both), strict=True)]

        return replace(turn, real=lambda: verdicts()[0], fake=lambda: verdicts()[1])

    def penalty_terms(self, batch: Batch, drawn: Drawn, alone: bool = False) -> Terms:
        due = self.due(self.turns_before(batch), alone)
        return self.game.penalty_terms(self.critic(batch), batch.images, drawn.images.detach(), due)

    def regularizer_terms(self, player: str, turn: Turn, alone: bool = False) -> Terms:
        return self.regularizers.terms(player, turn, self.due(self.turns_before(turn.batch, player), alone))

    def due(self, turn: int, alone: bool) -> Callable[[int], bool]:
        """Whether terms with an interval belong to the step of turn number `turn`, or to one that they have alone."""
        return lambda interval: turn % interval == 0 and alone == (self.lazy == "own" and interval > 1)

    def lazy_terms(self, player: str, batch: Batch, drawn: Drawn) -> Terms:
        turn = self.turn_about(batch, drawn._replace(images=drawn.images.detach()))
        terms = self.regularizer_terms(player, turn, alone=True)
        return self.penalty_terms(batch, drawn, alone=True) | terms if player == "discriminator" else terms

    def lazy_interval(self, player: str) -> int:
        if self.lazy == "joint":
            return 1
        penalties = self.game.penalties.values() if player == "discriminator" else ()
        lazy = ({penalty.interval for penalty in penalties} | self.regularizers.intervals(player)) - {1}
        if len(lazy) > 1:
            raise ValueError(f"system.lazy=own: all lazy terms of the {player} need one interval, not {sorted(lazy)}")
        return lazy.pop() if lazy else 1

    def observe_logits(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """What the logits of a discriminator turn are good for besides its terms."""
        moved = {} if self.augment is None else self.augment.adapt(real_logits)
        if self.measuring:
            self.remember({"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()})
            self.remember({f"augment/{name}": value for name, value in moved.items()})

    def critic(self, batch: Batch) -> Critic:
        """The discriminator as a function of images only, for penalties."""
        return self.uncompiled(lambda images: self.judge(images, batch).logits)

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return Sampler(self.averaged if weights == "ema" else self.generator, self.latent)

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """What each code of the latent does, where it has some: `Latent.traverse`."""
        if self.latent.codes is None:
            return {}
        ways = self.latent.traverse(self.latent.sample(COLUMNS))
        return {"codes": self.sampler().images(Inputs(ways.flatten(0, 1))).unflatten(0, ways.shape[:2])}

    def scheduled_keys(self, owner: str) -> set[str]:
        if owner == "augment" and self.augment is not None:
            return set(self.augment.scheduled)
        return {"weight"} if owner in self.regularizers else super().scheduled_keys(owner)

    def follow(self, owner: str, key: str, value: float) -> None:
        if owner == "augment":
            setattr(self.augment, key, value)
        elif owner in self.regularizers:
            self.regularizers.member(owner).weight = value
        else:
            super().follow(owner, key, value)


def mixes_images(layer: nn.Module) -> bool:
    return isinstance(layer, BatchNorm) or getattr(layer, "mixes_images", False)


def halves(verdict: Tensor | None) -> tuple[Any, ...]:
    return (None, None) if verdict is None else verdict.chunk(2)
