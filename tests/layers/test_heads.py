"""What discriminators make of their features: the projection's formula."""

import pytest
import torch
from torch.nn import functional as F

from ganforge.layers.heads import Head, Projection


def test_a_head_without_a_condition_adds_nothing() -> None:
    logits, features = torch.randn(3), torch.randn(3, 2, 4, 4)
    said = Head(32)(logits, features, None)
    assert said.logits is logits
    assert said.features is features
    assert said.classes is said.codes is None


def test_projection_is_the_papers_bilinear_form() -> None:
    head = Projection(2 * 3 * 3, num_classes=4)
    phi, label = torch.randn(6, 2, 3, 3), torch.tensor([0, 1, 2, 3, 3, 0])
    one_hot = F.one_hot(label, 4).float()
    expected = torch.diag(one_hot @ head.embedding.weight @ phi.flatten(1).T)
    assert torch.allclose(head(torch.ones(6), phi, label).logits, 1 + expected, atol=1e-6)


def test_projection_starts_at_the_scale_of_its_features() -> None:
    said = Projection(4096, num_classes=10)(torch.zeros(500), torch.randn(500, 4096), torch.arange(500) % 10)
    assert said.logits.std().item() == pytest.approx(1, rel=0.1)
