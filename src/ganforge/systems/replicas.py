"""Processes that train together: each has all players, and a share of the images of every turn."""

import atexit
from collections.abc import Iterable

import torch
import torch.distributed
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn


class Replicas(DDPStrategy):
    """Lightning's DDP without PyTorch's wrapper around the module.

    The wrapper averages gradients while they are computed, so it must find out in each backward pass which parameters
    it leaves out: in a turn those of all other players. A `System` averages its player's gradients itself instead, once
    a turn.
    """

    def setup_environment(self) -> None:
        """The connections end before Python does: one that fails later, as its peer was killed, has a thread of Gloo's
        release a tensor, which ends a process that has no interpreter any more with a message of C++."""
        super().setup_environment()
        atexit.register(disconnect)

    def configure_ddp(self) -> None:
        """Every process starts from the weights of the first."""
        assert self.model is not None
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            torch.distributed.broadcast(tensor.data, 0)


def disconnect() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Each gradient becomes its mean over all processes, by one reduction of all of them."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    copy_pieces(flat.div_(torch.distributed.get_world_size()), gradients)


def share_buffers(module: nn.Module) -> None:
    """Every process takes over the state of the first, such as its batch statistics."""
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    if buffers:
        flat = torch.cat([buffer.flatten() for buffer in buffers])
        torch.distributed.broadcast(flat, 0)
        copy_pieces(flat, buffers)


def copy_pieces(flat: Tensor, targets: list[Tensor]) -> None:
    """Consecutive pieces of `flat` (N,) into tensors of N elements in all."""
    for target, piece in zip(targets, flat.split([target.numel() for target in targets]), strict=True):
        target.copy_(piece.view_as(target))
