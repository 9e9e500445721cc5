"""StyleGAN2 (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"), as for limited data (Karras
et al. 2020, "Training Generative Adversarial Networks with Limited Data", appendices C and D).

Stages double a base of 4 to 7 pixels. The one of r pixels has channel_base / r channels, but no more than channel_max.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelPlanes, rows_of
from ganforge.layers.equalized import EqualizedConv2d, EqualizedLinear
from ganforge.layers.heads import Head, HeadFactory, Projection
from ganforge.layers.minibatch_deviation import MinibatchDeviation
from ganforge.layers.modulation import ModulatedConv2d
from ganforge.layers.normalization import pixel_norm
from ganforge.layers.rectified import GAIN, RectifiedConv2d, RectifiedLinear, bounded, rectified
from ganforge.layers.resampling import Downsample, Lowpass, Upsample
from ganforge.networks.dcgan import base_and_depth
from ganforge.precision import unrounded

KEEP = 0.995
"""The share of its average that the mean style of a batch leaves."""


def stages(image_size: int, channel_base: int, channel_max: int) -> tuple[list[int], list[int]]:
    """Resolutions and channels, from the coarsest; ValueError for sizes that cannot be made."""
    base, depth = base_and_depth(image_size)
    if min(channel_base // image_size, channel_max) < 1:
        raise ValueError(
            f"channel_base={channel_base} and channel_max={channel_max} leave no channels at {image_size} pixels"
        )
    sizes = [base * 2**number for number in range(depth + 1)]
    return sizes, [min(channel_base // size, channel_max) for size in sizes]


class Mapping(nn.Module):
    """latents (B, latent_dim), beside the vectors of their classes, -> w (B, w_dim).

    Latents and vectors have a mean square of 1. With a `latent_dim` of 0 there are classes alone.
    """

    def __init__(self, latent_dim: int, w_dim: int, layers: int, num_classes: int | None = None) -> None:
        super().__init__()
        self.embedding = None if num_classes is None else EqualizedLinear(num_classes, w_dim)
        widths = [latent_dim + (0 if num_classes is None else w_dim), *[w_dim] * layers]
        self.layers = nn.Sequential(*(RectifiedLinear(*sizes, lr_multiplier=0.01) for sizes in pairwise(widths)))

    def forward(self, z: Tensor | None, label: Tensor | None) -> Tensor:
        with unrounded(next(self.parameters())):
            parts = [] if z is None else [pixel_norm(z)]
            if self.embedding is not None:
                parts.append(pixel_norm(self.vectors(label)))
            w: Tensor = self.layers(torch.cat(parts, 1))
            return w

    def vectors(self, label: Tensor | None) -> Tensor:
        """The equalised map of vectors with a one at `label` (B,) and zeros elsewhere."""
        layer = self.embedding
        assert layer is not None
        return rows_of(layer.weight.T * layer.factors["weight"], label) + layer.bias


class Stage(nn.Module):
    """features (B, inputs, H, W) and w (B, w_dim) -> (B, outputs, H, W), or `doubled`: a modulated convolution.

    Noise, one number for each pixel, is added with a learned strength, which is 0 at first. In eval mode it is always
    the same.
    """

    noise: Tensor

    def __init__(
        self, inputs: int, outputs: int, size: int, w_dim: int, doubled: bool = False, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.style = EqualizedLinear(w_dim, inputs, bias=1.0)
        self.convolution = ModulatedConv2d(inputs, outputs, 3, doubled, GAIN)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise", torch.randn(size, size))
        self.clamp = clamp

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        with unrounded(w):
            style = self.style(w)
        noise = torch.randn_like(self.noise.expand(w.shape[0], -1, -1)) if self.training else self.noise[None]
        shift = (GAIN * self.strength * noise)[..., None] + GAIN * self.bias
        return rectified(self.convolution(features, style, shift.permute(0, 3, 1, 2)), self.clamp)


class ToImage(nn.Module):
    """features (B, inputs, H, W) and w (B, w_dim) -> (B, channels, H, W), in the precision of the weights."""

    def __init__(self, inputs: int, channels: int, w_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.style = EqualizedLinear(w_dim, inputs, bias=1.0)
        self.convolution = ModulatedConv2d(inputs, channels, 1, deviation=None)
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.clamp = clamp

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        with unrounded(w):
            style = self.style(w)
        return bounded(self.convolution(features, style, self.bias), self.clamp).to(w.dtype)


class Synthesis(nn.Module):
    """styles (B, layers, w_dim) -> images (B, channels, H, W), the sum of what every resolution has to show.

    The first resolution has one convolution, all others have two. Layer i is for convolution i; what makes an image
    shares the layer of the convolution after it, for which the last has none left but a layer of its own.
    """

    def __init__(
        self, sizes: Sequence[int], widths: Sequence[int], channels: int, w_dim: int, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, widths[0], sizes[0], sizes[0]))
        stages = [Stage(widths[0], widths[0], sizes[0], w_dim, clamp=clamp)]
        for (inputs, outputs), size in zip(pairwise(widths), sizes[1:], strict=True):
            stages.append(Stage(inputs, outputs, size, w_dim, doubled=True, clamp=clamp))
            stages.append(Stage(outputs, outputs, size, w_dim, clamp=clamp))
        self.stages = nn.ModuleList(stages)
        self.to_image = nn.ModuleList(ToImage(width, channels, w_dim, clamp) for width in widths)
        self.upsample = Upsample()
        self.layers = len(stages) + 1

    def forward(self, styles: Tensor) -> Tensor:
        ws = styles.unbind(1)
        features = self.stages[0](self.constant.expand(styles.shape[0], -1, -1, -1), ws[0])
        images: Tensor = self.to_image[0](features, ws[1])
        for number, to_image in enumerate(self.to_image[1:]):
            for layer in (2 * number + 1, 2 * number + 2):
                features = self.stages[layer](features, ws[layer])
            with unrounded(images):
                images = self.upsample(images)
            images = images + to_image(features, ws[2 * number + 3])
        return images


class Generator(nn.Module):
    """latents (B, latent_dim) -> images (B, channels, image_size, image_size), which the paper does not bound.

    With `num_classes`, of the classes `label` (B,); without, labels are ignored. `mapping` makes w of latents,
    `synthesis` images of a w for each of its layers, and `styles` stands between them.

    In train mode, with probability `mixing`, all images of a batch have their last layers from second latents, drawn
    from N(0, 1). In eval mode w moves to the average of all w, by as much as `psi` is below 1 (Karras et al. 2019,
    appendix B). Activations of half precision do not exceed `clamp`.
    """

    average: Tensor

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        w_dim: int = 512,
        mapping_layers: int = 8,
        channel_base: int = 32768,
        channel_max: int = 512,
        mixing: float = 0.9,
        psi: float = 1.0,
        clamp: float | None = 256.0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= mixing <= 1:
            raise ValueError(f"mixing={mixing} should be a probability")
        self.num_classes = num_classes
        self.mapping = Mapping(latent_dim, w_dim, mapping_layers, num_classes)
        self.synthesis = Synthesis(*stages(image_size, channel_base, channel_max), channels, w_dim, clamp)
        self.register_buffer("average", torch.zeros(w_dim))
        self.mixing, self.psi = mixing, psi

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = self.synthesis(self.styles(z, label))
        return images

    def styles(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """A w for each layer of the synthesis, (B, layers, w_dim)."""
        w: Tensor = self.mapping(z, label)
        if not self.training:
            w = self.average.lerp(w, self.psi)
        else:
            with torch.no_grad():
                self.average.lerp_(w.mean(0), 1 - KEEP)
        styles = w[:, None].expand(-1, self.synthesis.layers, -1)
        return self.mixed(styles, z, label) if self.training and self.mixing else styles

    def mixed(self, styles: Tensor, z: Tensor, label: Tensor | None) -> Tensor:
        layers = self.synthesis.layers
        others = self.mapping(torch.randn_like(z), label)[:, None]
        cut = torch.randint(1, layers, (), device=z.device)
        kept = torch.arange(layers, device=z.device) < cut
        alone = torch.rand((), device=z.device) >= self.mixing
        return torch.where((kept | alone)[:, None], styles, others)


class Halving(nn.Module):
    """features (B, inputs, H, W) -> (B, outputs, H/2, W/2): two convolutions, `residual` ones beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, residual: bool, clamp: float | None) -> None:
        super().__init__()
        share = math.sqrt(0.5) if residual else 1.0
        self.first = RectifiedConv2d(inputs, inputs, 3, padding=1, clamp=clamp)
        self.lowpass = Lowpass(padding=2)
        self.second = RectifiedConv2d(inputs, outputs, 3, stride=2, gain=share * GAIN, clamp=clamp)
        self.shortcut = (
            nn.Sequential(Downsample(), EqualizedConv2d(inputs, outputs, 1, gain=share, bias=False))
            if residual
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.second(self.lowpass(self.first(x)))
        return features if self.shortcut is None else features + self.shortcut(x)


class MappedProjection(Head):
    """<features, w> / sqrt(features) for logits, with the features through a last layer and w mapped from the classes
    `label` (B,): what a projection becomes in StyleGAN2. The logits that it is given have no part in it."""

    def __init__(self, features: int, spectral_norm: bool = False, *, num_classes: int, layers: int) -> None:
        super().__init__(features)
        self.num_classes = num_classes
        self.last = EqualizedLinear(features, features)
        self.mapping = Mapping(0, features, layers, num_classes)

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        products = self.last(features) * self.mapping(None, label)
        return Verdict(products.sum(1) / math.sqrt(features.shape[1]), features)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Groups of up to `group_size` images are judged together, by how much they differ. A `Projection` for a head becomes
    a `MappedProjection` of `mapping_layers`.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        architecture: Literal["orig", "resnet"] = "resnet",
        channel_base: int = 32768,
        channel_max: int = 512,
        group_size: int = 4,
        mapping_layers: int = 8,
        clamp: float | None = 256.0,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        sizes, widths = stages(image_size, channel_base, channel_max)
        width = widths[0]
        self.planes = LabelPlanes(label_planes)
        self.first = RectifiedConv2d(channels + self.planes.channels, widths[-1], 1, clamp=clamp)
        self.halvings = nn.Sequential(
            *(Halving(*pair, architecture == "resnet", clamp) for pair in pairwise(reversed(widths)))
        )
        self.deviation = MinibatchDeviation(group_size)
        self.convolution = RectifiedConv2d(width + 1, width, 3, padding=1)
        self.features = RectifiedLinear(width * sizes[0] ** 2, width)
        self.last: nn.Module = nn.Sequential(EqualizedLinear(width, 1), nn.Flatten(0))
        self.head = (head or Head)(width)
        if isinstance(self.head, Projection):
            self.last = nn.Identity()
            self.head = MappedProjection(width, num_classes=self.head.num_classes, layers=mapping_layers)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.halvings(self.first(self.planes(image, label)))
        with unrounded(features):
            features = self.deviation(features.to(self.convolution.weight.dtype))
            features = self.features(self.convolution(features).flatten(1))
            return self.head(self.last(features), features, label)
