"""ACGAN (Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs"), the networks for CIFAR-10.

Those of the paper's appendix in their common form, which ends at 4 pixels; other sizes have fewer stages or more, down
to 4 to 7 pixels, and each halves or doubles the channels.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelPlanes
from ganforge.layers.convolution import FromPixel, ToPixel
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization, normalization2d
from ganforge.networks.dcgan import base_and_depth, doubled, stage


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,), one-hot beside the latent; without, labels are ignored. `width` is
    that of the finest stage. As in the common form, nothing stands between the linear layer and the first stage.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 48,
        normalization: Normalization = "batch",
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base, depth = base_and_depth(image_size)
        first, *widths = doubled(width, depth + 1)[::-1]
        bias = normalization == "none"
        layers = [nn.Linear(latent_dim + (num_classes or 0), first), nn.Unflatten(1, (first, 1, 1))]
        layers += stage(FromPixel(first, widths[0], base, bias=bias), widths[0], normalization)
        for inputs, outputs in pairwise(widths):
            layers += stage(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias), outputs, normalization)
        last = nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        radford_(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.num_classes is not None:
            assert label is not None, "a conditional network needs a label for each image"
            z = torch.cat([one_hot(label, self.num_classes).to(z.dtype), z], 1)
        return self.layers(z)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Two convolutions for each halving, each followed by dropout; the first is never normalised. `width` is that of the
    first.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 16,
        dropout: float = 0.5,
        normalization: Normalization = "batch",
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        base, depth = base_and_depth(image_size)
        self.planes = LabelPlanes(label_planes)
        widths = [channels + self.planes.channels, *doubled(width, 2 * depth)]
        bias = normalization == "none"
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(inputs, outputs, 3, 1 if number % 2 else 2, 1, bias=bias))
            if number > 0:
                layers.append(normalization2d(normalization, outputs))
            layers += [nn.LeakyReLU(0.2, inplace=True), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.last = ToPixel(widths[-1], 1, base)
        self.head = (head or Head)(widths[-1] * base**2)
        radford_(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(self.planes(image, label))
        return self.head(self.last(features).flatten(), features, label)
