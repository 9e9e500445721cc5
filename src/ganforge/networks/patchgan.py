"""PatchGAN (Isola et al. 2017): a discriminator that judges every patch of an image on its own.

Its name is its receptive field, the size of a patch: 70 in the paper and in CycleGAN (Zhu et al. 2017).
"""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization
from ganforge.networks.dcgan import stage
from ganforge.networks.unet import widths_down

ReceptiveField = Literal[1, 16, 34, 70, 142]
HALVINGS: dict[ReceptiveField, int] = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4}


def smallest(receptive_field: ReceptiveField) -> int:
    """The image size below which no patch is left, or maps of one pixel, which instance norm cannot normalise."""
    return 2 if receptive_field == 1 else 3 * 2 ** HALVINGS[receptive_field]


class Discriminator(nn.Module):
    """images (B, source_channels + channels, H, W), the source first -> a verdict, logits (B, 1, h, w).

    Labels are ignored. Patches are 2**n pixels apart, n = 0 to 4 in the order of the receptive fields; h is H for
    patches of one pixel and floor(H / 2**n) - 2 for others. The first layer is never normalised. ValueError where
    `image_size` is too small.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        source_channels: int = 0,
        width: int = 64,
        receptive_field: ReceptiveField = 70,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        if image_size < smallest(receptive_field):
            fitting = [str(field) for field in HALVINGS if smallest(field) <= image_size]
            raise ValueError(
                f"receptive_field={receptive_field} needs images of {smallest(receptive_field)} pixels or more, "
                f"not {image_size}: " + (f"choose {' or '.join(fitting)}" if fitting else "none is small enough")
            )
        halvings = HALVINGS[receptive_field]
        bias = normalization != "batch"
        kernel_size, padding = (4, 1) if halvings else (1, 0)
        widths = widths_down(width, max(1, halvings) + 1)
        first = nn.Conv2d(source_channels + channels, widths[0], kernel_size, 2 if halvings else 1, padding)
        layers = stage(first, widths[0], "none", slope=0.2)
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            stride = 2 if number < halvings else 1
            convolution = nn.Conv2d(inputs, outputs, kernel_size, stride, padding, bias=bias)
            layers += stage(convolution, outputs, normalization, slope=0.2)
        last = nn.Conv2d(widths[-1], 1, kernel_size, 1, padding, bias=bias or halvings > 0)
        self.layers, self.last = nn.Sequential(*layers), last
        radford_(self)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(images)
        return Verdict(self.last(features), features)
