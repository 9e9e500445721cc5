"""What each normalisation averages over, and what of it is learned."""

import pytest
import torch
from torch import nn

from ganforge.layers.normalization import ClassBatchNorm2d, Normalization, normalization2d, pixel_norm


@pytest.mark.parametrize(("kind", "axes"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))])
def test_mean_zero_and_variance_one_over_its_own_axes_then_a_learned_scale_and_shift(
    kind: str, axes: tuple[int, ...]
) -> None:
    layer = normalization2d(kind, 6)
    normalised = layer(3 * torch.randn(4, 6, 5, 5) * torch.arange(1, 7)[:, None, None] + 2)
    assert normalised.mean(axes).abs().max() < 1e-5
    assert (normalised.var(axes, correction=0) - 1).abs().max() < 1e-3
    assert sorted(parameter.shape for parameter in layer.parameters()) == [(6,), (6,)]


def test_unscaled_instance_is_instance_without_scale_shift_and_memory() -> None:
    layer, instance = normalization2d("unscaled_instance", 6), normalization2d("instance", 6)
    assert layer.state_dict() == {}
    x = 3 * torch.randn(4, 6, 5, 5) + 2
    assert torch.equal(layer(x), instance(x))
    assert torch.equal(layer.eval()(x), instance(x))


@pytest.mark.parametrize("kind", ["instance", "unscaled_instance"])
def test_a_single_pixel_has_no_variance(kind: str) -> None:
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        normalization2d(kind, 6)(torch.randn(4, 6, 1, 1))


def test_none_is_nothing() -> None:
    layer, x = normalization2d("none", 6), torch.randn(4, 6, 5, 5)
    assert layer(x) is x
    assert list(layer.parameters()) == []


def test_batch_norm_by_class_scales_and_shifts_each_image_as_its_class() -> None:
    layer, plain = ClassBatchNorm2d(4, 3), nn.BatchNorm2d(4)
    x, label = torch.randn(5, 4, 3, 3), torch.tensor([2, 0, 1, 2, 2])
    normal = plain(x)
    assert torch.allclose(layer(x, label), normal, atol=1e-6)
    nn.init.normal_(layer.embedding.weight)
    for image, number in enumerate(label):
        scale, shift = layer.embedding.weight[number].view(2, 4, 1, 1)
        assert torch.allclose(layer(x, label)[image], scale * normal[image] + shift, atol=1e-5)


def test_batch_norm_without_classes_is_batch_norm() -> None:
    layer, x = ClassBatchNorm2d(4, None), torch.randn(5, 4, 3, 3)
    assert torch.equal(layer(x, torch.tensor([9])), nn.BatchNorm2d(4)(x))
    assert sorted(layer.state_dict()) == sorted(f"norm.{key}" for key in nn.BatchNorm2d(4).state_dict())


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "unscaled_instance"])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_those_of_the_formula_in_every_memory_layout(
    kind: Normalization, count: int, layout: torch.memory_format
) -> None:
    """torch's own instance norm has others for a single image in channels_last."""
    layer = normalization2d(kind, 4).double()
    axes = {"batch": (0, 2, 3), "layer": (1, 2, 3)}.get(kind, (2, 3))
    x, weights = torch.randn(2, count, 4, 8, 8, dtype=torch.double).unbind()
    expected = x.clone().requires_grad_()
    centred = expected - expected.mean(axes, keepdim=True)
    (centred / (centred.square().mean(axes, keepdim=True) + layer.eps).sqrt()).backward(weights)
    found = x.contiguous(memory_format=layout).requires_grad_()
    layer(found).backward(weights.contiguous(memory_format=layout))
    torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=1e-12)


def test_batch_norm_by_class_keeps_the_precision_of_its_features() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        features = nn.Conv2d(1, 4, 3)(torch.randn(2, 1, 5, 5))
        assert ClassBatchNorm2d(4, 3)(features, torch.tensor([0, 2])).dtype == torch.bfloat16


@pytest.mark.parametrize("shape", [(5, 8), (5, 8, 3, 4)])
def test_pixel_norm_divides_by_the_root_of_the_mean_square_over_channels(shape: tuple[int, ...]) -> None:
    features = 3 * torch.randn(shape) + 1
    expected = features / features.pow(2).mean(1, keepdim=True).sqrt()
    assert torch.allclose(pixel_norm(features), expected, atol=1e-6)
    assert torch.equal(pixel_norm(torch.zeros(shape)), torch.zeros(shape))
    assert torch.allclose(pixel_norm((100 * features).half()).float(), expected, atol=5e-3)
