"""Image to image between any two of several domains (Choi et al. 2018, "StarGAN", arXiv:1711.09020)."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganforge.interfaces import Batch, Inputs
from ganforge.regularizers.classification import Classification
from ganforge.regularizers.reconstruction import Reconstruction
from ganforge.systems.gan import GANModule
from ganforge.systems.pictures import COLUMNS


class StarGAN(GANModule):
    """Labels are domains: one generator translates each image of a batch to a target, which is another one's domain.

    The discriminator, whose verdicts have `classes`, learns the domains of real images, and the generator wants its
    fakes to be taken for their targets: `classification` times a cross-entropy in nats (equations 2 and 3).
    `reconstruction` times the mean absolute difference between an image and its fake translated back (equation 4) keeps
    what is no matter of domains.
    """

    needs: ClassVar = frozenset({"labels"})
    goes_with: ClassVar = "model=stargan, and any loss but elbo"

    def __init__(self, classification: float, reconstruction: float, **adversarial: Any) -> None:
        if min(classification, reconstruction) < 0:
            raise ValueError(
                f"system.classification={classification} and system.reconstruction={reconstruction} must not be "
                "negative"
            )
        terms = {
            "classification": Classification(classification, on_fakes=False),
            "reconstruction": Reconstruction(reconstruction),
        }
        super().__init__(latent=None, regularizers=terms, **adversarial)  # type: ignore[arg-type]

    def inputs(self, batch: Batch) -> Inputs:
        return Inputs(batch.images, self.targets(batch))

    def targets(self, batch: Batch) -> Tensor:
        """The batch's own domains in another order, as in the authors' code: targets are as frequent as domains."""
        assert batch.labels is not None
        return batch.labels[torch.randperm(len(batch.labels), device=batch.labels.device)]

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """A row for each of a few images: itself, and then what it becomes in each domain."""
        sampler, rows = self.sampler(), []
        assert sampler.num_classes is not None
        for image in held_out.images[:COLUMNS]:
            targets = torch.arange(sampler.num_classes, device=image.device)
            translated = sampler.images(Inputs(image.expand(len(targets), -1, -1, -1), targets))
            rows.append(torch.cat([image[None].float(), translated]))
        return {"samples": torch.stack(rows)}
