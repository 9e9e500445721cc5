"""What fakes are drawn from, and whether they are what was asked for."""

import torch
from torch import Tensor

from ganforge.interfaces import FeatureExtractor, Inputs
from ganforge.metrics.classes import code_accuracy, of_class
from ganforge.randomness import derived_generator
from ganforge.sampling.sampler import Sampler


class Drawing:
    """Latents of `count` fakes, which depend on `seed` alone, and classes as frequent as in `class_pool`.

    Its scores, of an extractor that knows the classes: `class_accuracy`, the share of fakes that it takes for members
    of the class asked for, of generators with classes; `code_accuracy`, of generators with categorical codes in their
    latents, of the code that tells the most about the class.
    """

    def __init__(
        self, sampler: Sampler, extractor: FeatureExtractor, count: int, seed: int, class_pool: Tensor | None
    ) -> None:
        assert sampler.latent is not None
        self.latent, self.count, self.seed = sampler.latent, count, seed
        self.class_pool, self.extractor = class_pool, extractor
        self.scores_classes = sampler.num_classes is not None and "labels" in extractor.needs
        codes = self.latent.codes
        self.scores_codes = codes is not None and len(codes.categorical) > 0 and "labels" in extractor.needs

    def inputs(self, generator: torch.Generator, count: int) -> Inputs:
        latents = self.latent.sample(count, generator=generator)
        if self.class_pool is None:
            return Inputs(latents)
        return Inputs(latents, self.class_pool[torch.randint(len(self.class_pool), (count,), generator=generator)])

    def all_inputs(self) -> Inputs:
        """Those of the fakes that are scored."""
        return self.inputs(derived_generator("evaluation", self.seed), self.count)

    def scores(self, logits: Tensor) -> dict[str, float]:
        """Of the fakes' class logits (count, K), in the order of their latents."""
        if not self.scores_classes and not self.scores_codes:
            return {}
        latents, labels = self.all_inputs()
        codes = []
        if self.scores_codes and self.latent.codes is not None:
            categorical, _ = self.latent.codes.split(latents[:, self.latent.noise_dim :])
            codes = [code.argmax(1) for code in categorical]
        return self._named(logits, labels, codes)

    def scores_of_real(self, logits: Tensor, labels: Tensor | None) -> dict[str, float]:
        """What images of these labels get in the place of fakes."""
        return {} if labels is None else self._named(logits, labels, [labels])

    def _named(self, logits: Tensor, labels: Tensor | None, codes: list[Tensor]) -> dict[str, float]:
        found = {}
        if self.scores_classes and labels is not None:
            found["class_accuracy"] = of_class(logits, labels).double().mean().item()
        if self.scores_codes:
            found["code_accuracy"] = max(code_accuracy(logits, code) for code in codes)
        return {f"{name}_{self.extractor.name}": value for name, value in found.items()}
