"""A history of fakes for the discriminator (Shrivastava et al. 2017, section 2.3)."""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Fakes (B, C, H, W) -> as many: each itself or, in half of the cases, one that was there before.

    Which then takes its place among the `capacity` stored ones, of shape `image_shape`; until there are as many, all
    are stored and come back as they are. With no capacity they always do. Its images are state: a checkpoint has them,
    and of processes that train together each begins a step with those of the first.
    """

    images: Tensor
    held: Tensor

    def __init__(self, capacity: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        if capacity < 0:
            raise ValueError(f"the pool cannot hold {capacity} images")
        self.register_buffer("images", torch.zeros(capacity, *image_shape))
        self.register_buffer("held", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        if not len(self.images):
            return fakes
        return torch.stack([self.exchanged(fake) for fake in fakes])

    def exchanged(self, fake: Tensor) -> Tensor:
        """Without a look at `held`, for which a GPU would be waited for."""
        capacity, device = len(self.images), fake.device
        is_full = self.held >= capacity
        place = torch.where(is_full, torch.randint(capacity, (1,), device=device), self.held)
        comes_back = ~is_full | (torch.rand(1, device=device) < 0.5)
        stored = self.images.index_select(0, place)[0]
        kept = torch.where(is_full & comes_back, stored, fake.to(stored.dtype))
        self.images.index_copy_(0, place, kept[None])
        self.held += ~is_full
        return torch.where(comes_back, fake, stored.to(fake.dtype))
