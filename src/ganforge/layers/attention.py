"""Self-attention between the pixels of feature maps (Zhang et al. 2019, "Self-Attention GANs", section 3)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ganforge.layers.spectral import SNConv2d


class SelfAttention(nn.Module):
    """features x (B, C, H, W) -> x + sigma o; at each pixel o is an average over the image (equations 1 to 3).

    The weights of the average are a softmax over keys (C/8 channels) of their products with the pixel's query, which
    nothing divides; values have C/2 channels. Keys and values are pooled over 2x2 pixels: the authors' code does so,
    the paper's figure does not. sigma is learned and begins at 0; all but sigma is spectrally normalised.

    Products of matrices stand here, as PyTorch's `scaled_dot_product_attention` cannot be differentiated twice
    everywhere, and is no faster on a CPU: values are wider than keys.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query = SNConv2d(channels, few, 1, bias=False)
        self.key = SNConv2d(channels, few, 1, bias=False)
        self.value = SNConv2d(channels, half, 1, bias=False)
        self.out = SNConv2d(half, channels, 1, bias=False)
        self.sigma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key, value = (max_pool2d(layer(x), 2).flatten(2) for layer in (self.key, self.value))
        weights = torch.bmm(query.transpose(1, 2), key).softmax(2)
        average = torch.bmm(value, weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.sigma * self.out(average)


class Attended(nn.Module):
    """A block that is called with features, and a condition where it takes one, and self-attention in what it gives."""

    def __init__(self, block: nn.Module, channels: int) -> None:
        super().__init__()
        self.block = block
        self.attention = SelfAttention(channels)

    def forward(self, x: Tensor, *condition: Tensor | None) -> Tensor:
        attended: Tensor = self.attention(self.block(x, *condition))
        return attended


def with_attention(blocks: list[nn.Module], sizes: list[int], widths: list[int], limit: int | None) -> list[nn.Module]:
    """The blocks, of which one is `Attended`: the first with the largest maps of at most `limit` pixels a side.

    Block number i gives maps of sizes[i] pixels a side and widths[i] channels. Without a limit there is no attention;
    ValueError where all maps are larger.
    """
    if limit is None:
        return blocks
    within = [size for size in sizes if size <= limit]
    if not within:
        raise ValueError(f"attention={limit}: the smallest maps of this network have {min(sizes)}x{min(sizes)} pixels")
    place = sizes.index(max(within))
    return [
        Attended(block, width) if number == place else block
        for number, (block, width) in enumerate(zip(blocks, widths, strict=True))
    ]
