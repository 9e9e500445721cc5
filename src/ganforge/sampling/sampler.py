"""Between a trained network and whatever draws from it: samples, scores, files, exports."""

import torch
from torch import Tensor, nn

from ganforge.interfaces import Inputs
from ganforge.sampling.latent import Latent


class Sampler(nn.Module):
    """A network with the latents that it starts from, or none if it starts from images.

    Its batch statistics stay fixed, and its images are float32. A network with classes draws 0, 1, 2, ... over and over
    where no labels are given.
    """

    def __init__(self, network: nn.Module, latent: Latent | None = None) -> None:
        super().__init__()
        self.network = network
        self.latent = latent

    @property
    def num_classes(self) -> int | None:
        """How many classes `label` chooses from; None for a network that takes no labels."""
        return getattr(self.network, "num_classes", None)

    def classes(self, count: int, first: int = 0) -> Tensor | None:
        """Those of images number `first` .. `first + count - 1`, which take turns; None without classes."""
        return None if self.num_classes is None else torch.arange(first, first + count) % self.num_classes

    @torch.no_grad()
    def images(self, inputs: Inputs) -> Tensor:
        """(B, C, H, W) in [-1, 1], on the device of the network."""
        weight = next(self.network.parameters())
        start, label = inputs
        label = self.classes(len(start)) if label is None else label
        training = self.network.training
        images = self.network.eval()(start.to(weight), None if label is None else label.to(weight.device))
        self.network.train(training)
        return images.float()
