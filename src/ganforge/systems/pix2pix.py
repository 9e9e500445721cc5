"""Image to image, from pairs (Isola et al. 2017, arXiv:1611.07004)."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from ganforge.interfaces import Batch, Drawn, Inputs, Terms, Verdict
from ganforge.precision import full
from ganforge.systems.gan import GANModule
from ganforge.systems.pictures import in_rows


class Pix2Pix(GANModule):
    """The generator starts from sources, and the discriminator sees each image beside its source.

    The generator also minimises `l1` times the mean absolute difference from the true counterpart (equation 4), of
    pixels in [-1, 1]. All the noise there is comes from its dropout.
    """

    needs: ClassVar = frozenset({"pairs"})
    goes_with: ClassVar = "model=pix2pix, and any adversarial loss"

    def __init__(self, l1: float, **adversarial: Any) -> None:
        super().__init__(latent=None, **adversarial)  # type: ignore[arg-type]  # sources stand in its place
        if l1 < 0:
            raise ValueError(f"system.l1 must not be negative, got {l1}")
        self.l1 = l1

    def inputs(self, batch: Batch) -> Inputs:
        assert batch.sources is not None
        return Inputs(batch.sources, batch.labels)

    def judge(self, images: Tensor, batch: Batch) -> Verdict:
        assert batch.sources is not None
        return super().judge(torch.cat([batch.sources.to(images.dtype), images], 1), batch)

    def generator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        l1 = self.l1 * l1_loss(full(drawn.images), full(batch.images))
        return super().generator_terms(batch, drawn) | {"l1": l1}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """Rows of sources, of what the generator makes of them, and of their true counterparts."""
        assert held_out.sources is not None
        translated = self.sampler().images(self.inputs(held_out))
        return {"samples": in_rows(held_out.sources, translated, held_out.images)}
