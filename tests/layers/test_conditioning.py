"""Where labels enter: the latent's neighbour and labels that are none."""

import pytest
import torch

from ganforge.layers.conditioning import ClassEmbedding, LabelledLatent


def test_latent_stands_beside_the_vector_of_its_class() -> None:
    layer = LabelledLatent(3, num_classes=4)
    z, label = torch.randn(5, 3), torch.tensor([0, 3, 3, 1, 2])
    joined = layer(z, label)
    assert joined.shape == (5, layer.size)
    assert torch.equal(joined[:, :3], z)
    assert torch.equal(joined[1, 3:], joined[2, 3:])
    assert len(joined[:, 3:].unique(dim=0)) == 4


def test_without_classes_the_latent_stays_alone() -> None:
    layer, z = LabelledLatent(3, num_classes=None), torch.randn(5, 3)
    assert layer.size == 3
    assert layer(z, torch.zeros(5, dtype=torch.long)) is z
    assert list(layer.parameters()) == []


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=f"labels must be from 0 to 2, not {min(label, 1)} to {max(label, 1)}"):
        ClassEmbedding(3, 2)(torch.tensor([1, label]))


def test_a_missing_label_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="needs a label"):
        ClassEmbedding(3, 2)(None)
