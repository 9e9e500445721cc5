"""What a discriminator makes of its features beside the logits: where a condition enters, or is recovered."""

from collections.abc import Callable

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import ClassEmbedding


class Head(nn.Module):
    """logits (B,), features (B, ...) of `features` numbers each, and labels (B,) -> a verdict.

    This one adds nothing.
    """

    def __init__(self, features: int, spectral_norm: bool = False) -> None:
        super().__init__()

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        return Verdict(logits, features)


class Projection(Head):
    """Adds y^T V phi to the logits (Miyato and Koyama 2018, equation 3, first term)."""

    def __init__(self, features: int, spectral_norm: bool = False, *, num_classes: int) -> None:
        super().__init__(features)
        self.num_classes = num_classes
        self.embedding = ClassEmbedding(num_classes, features, features**-0.5, spectral_norm)

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        return Verdict(logits + (self.embedding(label) * features.flatten(1)).sum(1), features)


HeadFactory = Callable[..., Head]
"""Called as `Head` is."""
