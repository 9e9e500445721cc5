"""Both players from one pass (Shen et al. 2021, "Training Generative Adversarial Networks in One Stage")."""

from typing import Any, ClassVar

import torch

from ganforge.interfaces import Batch
from ganforge.systems.gan import GANModule


class OneStageGAN(GANModule):
    """In the last discriminator turn of a round both players' gradients come from one pass, before either has moved.

    The loss and the discriminator must give each fake a gradient of its own, which is nowhere zero:
    d discriminator loss / d fake becomes d generator loss / d fake on its way back to the generator.
    """

    per_sample: ClassVar = True
    refused_precisions: ClassVar = {"16-mixed": "both players step on one loss scale; use bf16-mixed"}

    def __init__(self, **gan: Any) -> None:
        super().__init__(**gan)
        sure = torch.tensor([-3.0, 3.0])
        if not self.game.gradient_ratio(torch.zeros(2), sure).isfinite().all():
            raise ValueError(
                "system=one_stage: this loss gives the discriminator no gradient for fakes that it is sure of, so "
                "there is none to hand on to the generator. Use system=gan, or another loss"
            )

    def play(self, batch: Batch) -> None:
        *earlier, last = batch.chunks(self.game.n_critic)
        for turn in earlier:
            self.discriminator_turn(turn, map(self.draw_constant, self.parts(turn)))
        for player in self.players:
            self.optimizer_of(player).zero_grad()
        for part in self.parts(last):
            self.joint_backward(part)
        for player in self.players:
            self.step(player)
        self.constrain()
        self.advance(last)

    def joint_backward(self, batch: Batch) -> None:
        drawn = self.draw(batch)
        real, fake = self.judge(batch.images, batch), self.judge(drawn.images, batch)
        self.observe_logits(real.logits, fake.logits)
        ratio = self.game.gradient_ratio(real.logits, fake.logits)
        drawn.images.register_hook(lambda gradient: gradient * ratio.to(gradient.dtype)[:, None, None, None])
        terms = self.game.discriminator_terms(real.logits, fake.logits) | self.penalty_terms(batch, drawn)
        self.backward_through(terms)
        self.remember_terms("discriminator", terms)
        self.remember_terms("generator", self.game.generator_terms(lambda: real.logits, fake.logits.detach()))
