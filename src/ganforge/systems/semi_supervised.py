"""A classifier that learns from few labels and from fakes (Salimans et al. 2016, section 5)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganforge.interfaces import Batch, Drawn, Terms
from ganforge.precision import full
from ganforge.systems.gan import GANModule


class SemiSupervisedGAN(GANModule):
    """The discriminator classifies: it learns from labelled images which class each is of, and from all images and
    fakes that all images are of some class.

    `classes` is the weight of the cross entropy of labelled images, in nats, beside the adversarial loss.
    `generator_loss` is the weight of that loss for the generator: at 0 it learns from regularizers alone, such as
    feature matching. With `unlabelled` false the classifier learns from labelled images alone, and the generator does
    not: what the others are good for shows beside it.
    """

    needs: ClassVar = frozenset({"labels", "labelled"})
    averages: ClassVar = {"averaged": "generator", "averaged_discriminator": "discriminator"}
    averaged_discriminator: nn.Module

    def __init__(self, classes: float = 2.0, generator_loss: float = 0.0, unlabelled: bool = True, **gan: Any) -> None:
        super().__init__(**gan)
        for name, weight in (("classes", classes), ("generator_loss", generator_loss)):
            if weight < 0:
                raise ValueError(f"system.{name} must not be negative, got {weight}")
        self.classes, self.generator_loss, self.unlabelled = classes, generator_loss, unlabelled
        if not any(getattr(layer, "classifies", False) for layer in self.discriminator.modules()):
            raise ValueError(
                "system=semi_supervised: the discriminator does not classify with this condition: leave condition= out"
            )
        if unlabelled and not generator_loss and not self.regularizers.intervals("generator"):
            raise ValueError(
                "system=semi_supervised: the generator has nothing to minimise: use regularizer=feature_matching, or "
                "system.generator_loss=1"
            )

    def play(self, batch: Batch) -> None:
        if self.unlabelled:
            super().play(batch)
            return
        for turn in batch.chunks(self.game.n_critic):
            self.turn("discriminator", map(self.class_terms, self.parts(turn)))
            self.constrain()
            self.advance(turn)

    def discriminator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        return super().discriminator_terms(batch, drawn) | self.class_terms(batch)

    def class_terms(self, batch: Batch) -> Terms:
        """Only the images of `batch.labelled` have labels here."""
        labelled = batch.labelled
        assert labelled is not None and labelled.labels is not None
        classes = self.judge(labelled.images, labelled).classes
        assert classes is not None
        return {"classes": self.classes * cross_entropy(full(classes), labelled.labels)}

    def generator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        terms = super().generator_terms(batch, drawn)
        adversarial = terms.pop("adversarial")
        return {"adversarial": self.generator_loss * adversarial} | terms if self.generator_loss else terms

    @torch.no_grad()
    def class_logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1] -> (B, K), by the averaged discriminator."""
        return self.averaged_discriminator.eval()(images).classes

    def finished(self) -> dict[str, nn.Module]:
        return super().finished() | {"classifier": self.averaged_discriminator}
