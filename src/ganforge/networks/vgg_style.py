"""The discriminator of SRGAN (Ledig et al. 2017, arXiv:1609.04802, figure 4) and of ESRGAN, in the style of VGG: pairs
of convolutions, the second of which halves the resolution, then two linear maps.
"""

from typing import Literal

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.normalization import Normalization
from ganforge.networks.dcgan import base_and_depth, stage
from ganforge.networks.unet import widths_down


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict. Labels are ignored.

    It halves down to 4 to 7 pixels: 96 to 6, 128 to 4. The kernels that halve are 3x3 in SRGAN and 4x4 in BasicSR's
    ESRGAN; `hidden` is 1024 in the former and 100 in the latter. The first layer is never normalised.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 64,
        kernel_size: Literal[3, 4] = 3,
        hidden: int = 1024,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden={hidden} should be at least 1")
        base, depth = base_and_depth(image_size)
        bias = normalization != "batch"
        layers: list[nn.Module] = []
        inputs = channels
        for outputs in widths_down(width, depth):
            kind: Normalization = normalization if layers else "none"
            layers += stage(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias or not layers), outputs, kind, slope=0.2)
            layers += stage(
                nn.Conv2d(outputs, outputs, kernel_size, 2, 1, bias=bias), outputs, normalization, slope=0.2
            )
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(inputs * base**2, hidden), nn.LeakyReLU(0.2, inplace=True))
        self.last = nn.Linear(hidden, 1)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.hidden(self.layers(images))
        return Verdict(self.last(features).flatten(), features)
