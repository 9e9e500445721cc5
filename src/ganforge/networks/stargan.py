"""StarGAN (Choi et al. 2018, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
Translation", tables 4 and 5): one generator for all domains, and a discriminator that also tells the domains apart.
"""

from itertools import pairwise

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelPlanes
from ganforge.layers.convolution import ToPixel
from ganforge.networks.dcgan import doubled, stage
from ganforge.networks.resnet import Residual, same_size


class Generator(nn.Module):
    """source (B, channels, H, W) and target domain `label` (B,) -> image (B, channels, H, W), both in [-1, 1].

    The target is a plane for each domain beside the source. Convolutions see zeros beyond the border: with a mirrored
    one a plane would shift its channel by a constant, which the first instance norm takes away. Norms are of each
    image, in training and afterwards. H and W are multiples of `multiple`, and at least 8.
    """

    multiple = 4

    def __init__(self, channels: int, num_classes: int, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        if blocks < 0:
            raise ValueError(f"blocks={blocks} should be 0 or more")
        if num_classes < 2:
            raise ValueError(f"model=stargan translates between two domains or more, and there is {num_classes}")
        self.source_channels, self.num_classes = channels, num_classes
        self.planes = LabelPlanes(num_classes)
        fine, middle, coarse = doubled(width, 3)

        def halving(inputs: int, outputs: int) -> list[nn.Module]:
            return stage(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), outputs, "instance")

        def doubling(inputs: int, outputs: int) -> list[nn.Module]:
            return stage(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), outputs, "instance")

        self.layers = nn.Sequential(
            *stage(same_size(channels + num_classes, fine, 7, False, "zeros"), fine, "instance"),
            *halving(fine, middle),
            *halving(middle, coarse),
            *(Residual(coarse, "instance", bias=False, padding="zeros") for _ in range(blocks)),
            *doubling(coarse, middle),
            *doubling(middle, fine),
            same_size(fine, channels, 7, False, "zeros"),
            nn.Tanh(),
        )

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(self.planes(source, label))


def base_and_halvings(image_size: int) -> tuple[int, int]:
    """The resolution at which domains are told apart (2, 3, 5 or 7), and how often images are halved before."""
    base, halvings = image_size, 0
    while base > 3 and base % 2 == 0:
        base, halvings = base // 2, halvings + 1
    if halvings < 2 or base > 7:
        raise ValueError(
            f"model=stargan cannot judge {image_size}x{image_size} images: it doubles 2, 3, 5 or 7 pixels twice or "
            "more (16, 20, 24, 28, 32, 64, 128, ...)"
        )
    return base, halvings


class Discriminator(nn.Module):
    """images (B, channels, H, W) -> a verdict: logits (B, 1, h, w), and `classes` (B, num_classes).

    Labels are ignored. Images are halved to h = w = 2 pixels, or 3, 5 or 7: six times at 128. Nothing is normalised, so
    that every gradient penalty has its meaning.
    """

    def __init__(self, image_size: int, channels: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        base, halvings = base_and_halvings(image_size)
        widths = [channels, *doubled(width, halvings)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += stage(nn.Conv2d(inputs, outputs, 4, 2, 1), outputs, "none", slope=0.01)
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.classes = ToPixel(widths[-1], num_classes, base, bias=False)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(image)
        return Verdict(self.last(features), features, classes=self.classes(features).flatten(1))
