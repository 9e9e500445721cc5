"""The deviation within groups of images, against loops."""

import copy

import numpy as np
import pytest
import torch

from ganforge.layers.minibatch_deviation import MinibatchDeviation


@pytest.mark.parametrize(
    ("batch", "group_size", "members"), [(8, 4, 4), (8, 3, 2), (6, 4, 3), (7, 4, 1), (2, 4, 2), (1, 4, 1), (12, 32, 12)]
)
@pytest.mark.parametrize("maps", [1, 2])
def test_deviations_of_every_group_are_averaged_and_appended(
    batch: int, group_size: int, members: int, maps: int
) -> None:
    features = torch.randn(batch, 6, 2, 3, dtype=torch.float64)
    appended = MinibatchDeviation(group_size, maps)(features)
    assert torch.equal(appended[:, :6], features)
    groups = batch // members
    for image in range(batch):
        group = [other for other in range(batch) if other % groups == image % groups]
        assert len(group) == members
        for number in range(maps):
            channels = range(number * 6 // maps, (number + 1) * 6 // maps)
            spreads = [
                np.sqrt(np.var([features[other, channel, y, x] for other in group]) + 1e-8)
                for channel in channels
                for y in range(2)
                for x in range(3)
            ]
            expected = torch.full((2, 3), np.mean(spreads), dtype=torch.float64)
            assert torch.allclose(appended[image, 6 + number], expected, rtol=1e-10)


def test_equal_images_have_no_deviation_and_a_gradient_that_can_be_differentiated() -> None:
    features = torch.ones(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    appended = MinibatchDeviation()(features)
    assert torch.allclose(appended[:, 3:], torch.full((4, 1, 2, 2), 1e-4, dtype=torch.float64))
    torch.manual_seed(0)
    features = torch.randn(4, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(MinibatchDeviation(2), features)


def test_half_precision_is_left_for_the_squares() -> None:
    features = (300 * torch.randn(4, 3, 2, 2)).half()
    appended = MinibatchDeviation()(features)
    assert appended.dtype == torch.half
    assert torch.allclose(appended.float(), MinibatchDeviation()(features.float()), rtol=1e-3)


def test_it_has_no_state_and_can_be_copied() -> None:
    layer = copy.deepcopy(MinibatchDeviation(2))
    assert layer.state_dict() == {}
    assert layer(torch.randn(4, 1, 2, 2)).shape == (4, 2, 2, 2)


@pytest.mark.parametrize("sizes", [(0, 1), (4, 0)])
def test_empty_groups_and_no_maps_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MinibatchDeviation(*sizes)
