"""What one of several processes computes, with the others played by closed forms."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from ganforge.systems.batch_norm import SharedBatchNorm2d, SharedBatchNorms
from ganforge.systems.replicas import average_gradients, copy_pieces, share_buffers


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A group of one process."""
    store = tmp_path_factory.mktemp("group") / "store"
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_pieces_go_where_they_belong_in_any_memory_format() -> None:
    targets = [torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last), torch.zeros(5), torch.zeros(())]
    copy_pieces(torch.arange(30.0), targets)
    assert torch.cat([target.flatten() for target in targets]).tolist() == list(range(30))


def test_gradients_are_the_mean_and_missing_ones_stay_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process has three times the gradient."""
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.mul_(4))
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    used, unused = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))
    used.grad = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    average_gradients([used, unused])
    assert used.grad.tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert unused.grad is None


def test_buffers_are_those_of_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "broadcast", lambda flat, source: flat.fill_(7.0))
    layer = nn.BatchNorm1d(3)
    share_buffers(nn.Sequential(layer, nn.Linear(3, 3)))
    assert layer.running_mean.tolist() == layer.running_var.tolist() == [7.0] * 3
    assert layer.num_batches_tracked == 0
    share_buffers(nn.Linear(3, 3))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_shared_batch_norm_of_one_process_is_batch_norm(kind: Callable[..., nn.Module], affine: bool) -> None:
    shape = (6, 3, 4, 4) if kind is nn.BatchNorm2d else (6, 3)
    own, shared = (nn.Sequential(kind(3, affine=affine)).double() for _ in range(2))
    SharedBatchNorms().apply(shared)
    images = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    for network in (own, shared) if affine else ():
        network[0].weight.data.fill_(1.5)
    weights = torch.randn(*shape, dtype=torch.float64)
    found = []
    for network in (own, shared):
        (gradient,) = torch.autograd.grad((network(images) * weights).square().sum(), images, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), images)
        found.append((gradient, second, network[0].running_mean, network[0].running_var))
        assert network[0].num_batches_tracked == 1
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)
    SharedBatchNorms().revert(shared)
    assert type(shared[0]) is kind


@pytest.mark.usefixtures("alone")
def test_shared_batch_norm_keeps_the_dtype_and_evaluates_with_its_statistics() -> None:
    layer = nn.Sequential(nn.BatchNorm2d(2))
    SharedBatchNorms().apply(layer)
    assert isinstance(layer[0], SharedBatchNorm2d)
    assert layer(torch.randn(4, 2, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16
    layer.eval()
    images = torch.randn(1, 2, 3, 3)
    mean, deviation = layer[0].running_mean, (layer[0].running_var + layer[0].eps).sqrt()
    expected = (images - mean.view(1, -1, 1, 1)) / deviation.view(1, -1, 1, 1)
    torch.testing.assert_close(layer(images), expected)
