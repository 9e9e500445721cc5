"""Where class labels enter: beside the generator's latent, or beside the discriminator's image."""

import torch
from torch import Tensor, nn

from ganforge.layers.spectral import SpectralNorm


class ClassEmbedding(nn.Module):
    """labels (B,) -> a learned vector for each (B, size), at first from N(0, deviation^2).

    With `spectral_norm` the matrix of all vectors is divided by its largest singular value.
    ValueError for labels outside 0 .. num_classes - 1 (on a GPU: a failed assertion of the device).
    """

    def __init__(self, num_classes: int, size: int, deviation: float = 1.0, spectral_norm: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, size) * deviation)
        self.norm = SpectralNorm(num_classes) if spectral_norm else nn.Identity()

    def forward(self, label: Tensor | None) -> Tensor:
        return rows_of(self.norm(self.weight), label)


def rows_of(matrix: Tensor, label: Tensor | None) -> Tensor:
    """Of a matrix (num_classes, size) a row for each of the labels (B,)."""
    assert label is not None, "a conditional network needs a label for each image"
    try:
        return nn.functional.embedding(label, matrix)
    except IndexError as error:
        raise ValueError(f"labels must be from 0 to {len(matrix) - 1}, not {label.min()} to {label.max()}") from error


class LabelledLatent(nn.Module):
    """latents (B, latent_dim) -> (B, `size`): each beside the vector of its class (Mirza and Osindero 2014).

    Without classes it is the latent alone.
    """

    def __init__(self, latent_dim: int, num_classes: int | None) -> None:
        super().__init__()
        self.embedding = None if num_classes is None else ClassEmbedding(num_classes, latent_dim)
        self.size = latent_dim if num_classes is None else 2 * latent_dim

    def forward(self, z: Tensor, label: Tensor | None) -> Tensor:
        return z if self.embedding is None else torch.cat([z, self.embedding(label)], 1)


class LabelPlanes(nn.Module):
    """images (B, C, H, W) and labels (B,) -> (B, C + `channels`, H, W): a plane for each class beside the image, of
    ones for its own and zeros for the others (Mirza and Osindero 2014). Without classes it is the image alone.
    """

    def __init__(self, num_classes: int | None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.channels = num_classes or 0

    def forward(self, image: Tensor, label: Tensor | None) -> Tensor:
        if self.num_classes is None:
            return image
        assert label is not None, "a conditional network needs a label for each image"
        one_hot = label[:, None] == torch.arange(self.num_classes, device=label.device)
        planes = one_hot.to(image.dtype)[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return torch.cat([image, planes], 1)
