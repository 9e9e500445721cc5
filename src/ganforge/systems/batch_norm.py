"""Batch norm over the images of all processes that train together; PyTorch's own is for CUDA alone."""

import torch
import torch.distributed
from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from ganforge.compat.torch import BatchNorm


class SharedBatchNorm(BatchNorm):
    """A batch norm with the mean and variance of the batches of all processes, differentiable twice."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        full = images.to(torch.promote_types(images.dtype, torch.float32))
        dims, shape = [0, *range(2, full.dim())], [1, -1, *[1] * (full.dim() - 2)]
        count = full.numel() // full.shape[1] * torch.distributed.get_world_size()
        mean = all_reduce(full.sum(dims)) / count
        centred = full - mean.view(shape)
        variance = all_reduce(centred.square().sum(dims)) / count
        self.remember(mean.detach(), variance.detach() * count / (count - 1))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(images.dtype)

    def remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as batch norm does."""
        assert self.momentum is not None and self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)


class SharedBatchNorm1d(SharedBatchNorm, nn.BatchNorm1d):
    pass


class SharedBatchNorm2d(SharedBatchNorm, nn.BatchNorm2d):
    pass


SHARED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: SharedBatchNorm1d,
    nn.BatchNorm2d: SharedBatchNorm2d,
}
"""The class that takes the place of another in a layer, which keeps its state."""


class SharedBatchNorms(LayerSync):
    """What Lightning does with `trainer.sync_batchnorm=true`: every batch norm is shared while a run trains."""

    def apply(self, model: nn.Module) -> nn.Module:
        return exchanged(model, SHARED)

    def revert(self, model: nn.Module) -> nn.Module:
        return exchanged(model, {shared: own for own, shared in SHARED.items()})


def exchanged(model: nn.Module, classes: dict[type[nn.Module], type[nn.Module]]) -> nn.Module:
    for layer in model.modules():
        if type(layer) in classes:
            layer.__class__ = classes[type(layer)]
    return model
