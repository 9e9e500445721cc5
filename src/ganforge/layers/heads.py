"""What a discriminator makes of its features beside the logits: where a condition enters, or is recovered."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from ganforge.interfaces import Codes, Verdict
from ganforge.layers.conditioning import ClassEmbedding
from ganforge.layers.normalization import Normalization, normalization1d
from ganforge.layers.spectral import SNLinear


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


class ClassHead(Head):
    """Classifies the image: logits of the classes, linear in the features (Odena et al. 2017, L_C)."""

    def __init__(self, features: int, spectral_norm: bool = False, *, num_classes: int) -> None:
        super().__init__(features)
        self.num_classes = num_classes
        self.classes = linear(features, num_classes, spectral_norm)

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        return Verdict(logits, features, classes=self.classes(features.flatten(1)))


class ClassOrFake(ClassHead):
    """Classifies the image as one of K classes or as a fake, class K + 1, whose logit is minus the logit that is given.

    So the image is real with the odds sum_k exp(l_k) / exp(l_fake) (Salimans et al. 2016, section 5).
    """

    classifies = True

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        verdict = of_classes(self.classes(features.flatten(1)), features)
        return verdict._replace(logits=verdict.logits + logits)


def of_classes(classes: Tensor, features: Tensor) -> Verdict:
    """That of K logits (B, K) alone: a fake has the logit 0, which loses nothing (Salimans et al. 2016, section 5).

    D(x) = Z / (Z + 1) with Z = sum_k exp(l_k) is the sigmoid of log Z.
    """
    return Verdict(classes.logsumexp(1), features, classes=classes)


class CodeHead(Head):
    """Recovers the codes of the latent that an image was drawn from: Q of Chen et al. 2016.

    `codes` are the arguments of `Codes`. Q has one hidden layer of its own, LeakyReLU(0.01), which is normalised as the
    discriminator is: batch norm in the paper, which penalties on each image's own gradient cannot have. With
    `spectral_norm` that takes its place.
    """

    def __init__(
        self,
        features: int,
        spectral_norm: bool = False,
        *,
        codes: Mapping[str, int | list[int]],
        hidden: int = 128,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__(features)
        self.layers = nn.Sequential(
            linear(features, hidden, spectral_norm),
            normalization1d("none" if spectral_norm else normalization, hidden),
            nn.LeakyReLU(0.01, inplace=True),
            linear(hidden, Codes(**codes).size, spectral_norm),  # type: ignore[arg-type]
        )

    def forward(self, logits: Tensor, features: Tensor, label: Tensor | None) -> Verdict:
        return Verdict(logits, features, codes=self.layers(features.flatten(1)))


def linear(inputs: int, outputs: int, spectral_norm: bool) -> nn.Linear:
    return SNLinear(inputs, outputs) if spectral_norm else nn.Linear(inputs, outputs)


HeadFactory = Callable[..., Head]
"""Called as `Head` is."""
