"""What discriminators make of their features: the projection's formula, classes, codes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganforge.layers.heads import ClassHead, CodeHead, Head, Projection
from ganforge.layers.spectral import SNLinear

CODES = {"categorical": [3, 2], "continuous": 4}


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


def test_an_auxiliary_classifier_is_linear_and_leaves_the_logits_alone() -> None:
    head, logits, features = ClassHead(2 * 4, num_classes=3), torch.randn(5), torch.randn(5, 2, 2, 2)
    said = head(logits, features, torch.zeros(5, dtype=torch.long))
    weight, bias = head.classes.weight, head.classes.bias
    assert torch.allclose(said.classes, torch.einsum("bf,kf->bk", features.flatten(1), weight) + bias, atol=1e-6)
    assert said.logits is logits
    assert said.codes is None


def test_codes_are_recovered_by_a_hidden_layer_of_its_own() -> None:
    """By hand, in train mode: batch norm by the batch's own moments."""
    head, features = CodeHead(6, codes=CODES, hidden=7).double(), torch.randn(5, 6, dtype=torch.double)
    first, _, _, last = head.layers
    hidden = features @ first.weight.T + first.bias
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt()
    expected = torch.where(hidden > 0, hidden, 0.01 * hidden) @ last.weight.T + last.bias
    said = head(torch.zeros(5), features, None)
    assert said.codes.shape == (5, 3 + 2 + 4)
    assert torch.allclose(said.codes, expected)


@pytest.mark.parametrize("normalization", ["layer", "instance", "none"])
def test_without_batch_norm_codes_of_images_are_independent(normalization: str) -> None:
    head, features = CodeHead(6, codes=CODES, normalization=normalization), torch.randn(5, 6)
    alone = head(torch.zeros(1), features[:1], None).codes
    assert torch.allclose(head(torch.zeros(5), features, None).codes[:1], alone, atol=1e-6)


def test_spectral_norm_reaches_the_heads_and_replaces_batch_norm() -> None:
    for head in (ClassHead(6, True, num_classes=3), CodeHead(6, True, codes=CODES)):
        layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
        assert layers and all(isinstance(layer, SNLinear) for layer in layers)
        assert not any(isinstance(layer, nn.BatchNorm1d) for layer in head.modules())
