"""Content losses by hand, and the features that they compare by against torchvision's own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import vgg19
from torchvision.models.feature_extraction import create_feature_extractor

from ganforge.data.digits import Digits
from ganforge.interfaces import Batch
from ganforge.losses.content import Content, Features, Pixels
from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.vgg import Vgg19Extractor

TRUTH = torch.rand(2, 3, 32, 32) * 2 - 1
IMAGES = TRUTH + 0.2 * torch.randn(2, 3, 32, 32)
NOTHING = Batch(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


class Squares:
    """Two convolutions, the first of which squares nothing and the second of which doubles."""

    name, needs = "squares", frozenset({"images"})

    def __init__(self) -> None:
        first, second = nn.Conv2d(3, 3, 1, bias=False), nn.Conv2d(3, 3, 1, bias=False)
        first.weight.data = -torch.eye(3)[:, :, None, None]
        second.weight.data = 2 * torch.eye(3)[:, :, None, None]
        self.layers = nn.Sequential(first, nn.ReLU(inplace=True), second)

    def prepare(self, *_: Any) -> None: ...

    def describe(self) -> dict[str, str | float]:
        return {"extractor": "squares:1"}


@pytest.mark.parametrize(("distance", "power"), [("absolute", 1), ("squared", 2)])
def test_terms_are_weighted_means(distance: Any, power: int) -> None:
    terms = {
        "pixels": Pixels(0.5, distance),
        "before": Features(Squares(), 1, 2.0, distance),
        "rectified": Features(Squares(), 1, 3.0, distance, rectified=True),
        "second": Features(Squares(), 2, 1.0, distance),
    }
    content = Content(terms)
    content.prepare(NOTHING, NOTHING, lambda key, compute: compute())
    images = IMAGES.clone().requires_grad_()
    found = content.terms(images, TRUTH)
    rectified = (-IMAGES).relu() - (-TRUTH).relu()
    expected = {
        "pixels": 0.5 * (IMAGES - TRUTH).abs().pow(power).mean(),
        "before": 2.0 * (IMAGES - TRUTH).abs().pow(power).mean(),
        "rectified": 3.0 * rectified.abs().pow(power).mean(),
        "second": (2 * rectified).abs().pow(power).mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(found[name].detach(), value)
    sum(found.values(), torch.zeros(())).backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert content.describe()["rectified"] == {
        "extractor": "squares:1", "weight": 3.0, "distance": distance, "layer": 1, "rectified": True,
    }  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision's, of random numbers."""
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.manual_seed(0)
    state = {name: value for name, value in vgg19(weights=None).state_dict().items() if name.startswith("features.")}
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("layer", "rectified", "node"), [(4, True, "features.8"), (16, False, "features.34"), (16, True, "features.35")]
)
def test_features_of_vgg19_are_torchvisions(weights: Path, layer: int, rectified: bool, node: str) -> None:
    """conv2_2 and conv5_4 of images with ImageNet's mean and deviation."""
    term = Features(Vgg19Extractor(str(weights)), layer, 1.0, "squared", rectified)
    term.prepare(NOTHING, NOTHING, lambda key, compute: compute())
    network = vgg19(weights=None)
    network.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    features = create_feature_extractor(network.eval(), {node: "found"})
    mean, deviation = (torch.tensor(three)[:, None, None] for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def seen(images: Tensor) -> Tensor:
        return features(((images + 1) / 2 - mean) / deviation)["found"]

    with torch.no_grad():
        torch.testing.assert_close(term(IMAGES, TRUTH), (seen(IMAGES) - seen(TRUTH)).square().mean())
        term(IMAGES[:, :1], TRUTH[:, :1])
    assert str(term.describe()["extractor"]).startswith("vgg19:")


def test_features_of_the_classifier_are_those_of_its_scores(tmp_path: Path) -> None:
    """Its last convolution, pooled as it does, is what its features are made of; it is trained once."""
    data = Digits(image_size=16, channels=1, num_classes=10, batch_size=8, seed=0, flip=False, held_out=0.5)
    data.load_splits()
    extractor, trained = ClassifierExtractor(max_steps=2), []

    def cached(key: str, compute: Any) -> dict[str, Tensor]:
        trained.append(key)
        return compute()

    term = Features(extractor, 4, rectified=True)
    term.prepare(data.train_split, data.held_out_split, cached)
    images = data.held_out_split.images[:5] / 127.5 - 1
    rest = extractor.network.stages[len(term.network) :]
    torch.testing.assert_close(rest(term.network(images)), extractor.outputs(images)[0])
    assert len(trained) == 1 and not any(weight.requires_grad for weight in term.network.parameters())
    with pytest.raises(ValueError, match=r"^content\.classifier\.layer=5: the network has fewer convolutions$"):
        Features(extractor, 5).prepare(data.train_split, data.held_out_split, cached)


def test_what_is_no_content_loss_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vgg.pth").write_bytes(b"nothing")
    for make, message in (
        (lambda: Content({}), "there is no content loss: choose content=\\[pixels\\]"),
        (lambda: Pixels(-1.0), "content.pixels.weight must not be negative"),
        (
            lambda: Vgg19Extractor(None),
            "extractor.weights=None of content=vgg19 or vgg54 names no file: it should be torchvision",
        ),
        (
            lambda: Vgg19Extractor("nowhere.pth"),
            "weights=nowhere.pth of content=vgg19 or vgg54 is no file: .* never downloaded",
        ),
        (
            lambda: Vgg19Extractor(str(tmp_path / "vgg.pth")).prepare(NOTHING, NOTHING, lambda *_: {}),
            "is not torchvision's file of VGG19",
        ),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            make()
        assert len(str(caught.value).splitlines()) == 1
