"""The extractors behind the scores."""

import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganforge.artifacts.tensors import Cache
from ganforge.interfaces import Batch
from ganforge.metrics.classifier import ClassifierExtractor, normalised, train_classifier
from ganforge.metrics.inception import InceptionExtractor


def stripes(count: int) -> Batch:
    """Two classes that anyone can tell apart: horizontal and vertical stripes in noise."""
    labels = torch.arange(count) % 2
    pattern = (torch.arange(16) % 4 < 2).float() * 200
    images = torch.where(labels[:, None, None] == 0, pattern[:, None].expand(16, 16), pattern.expand(16, 16))
    return Batch((images + torch.rand(count, 16, 16) * 50).byte()[:, None], labels)


def test_classifier_learns_is_cached_and_is_the_same_again(tmp_path: Path) -> None:
    train, held_out = stripes(200), stripes(50)
    extractors = [ClassifierExtractor(epochs=10) for _ in range(2)]
    torch.manual_seed(1)
    extractors[0].prepare(train, held_out, Cache(tmp_path / "one"))
    torch.manual_seed(2)
    extractors[1].prepare(train, held_out, Cache(tmp_path / "two"))
    assert extractors[0].accuracy == 1.0
    assert extractors[0].describe() == extractors[1].describe()
    files = list((tmp_path / "one").iterdir())

    def never() -> dict[str, Tensor]:
        raise AssertionError("the cached classifier was trained again")

    stored = Cache(tmp_path / "one")(files[0].stem, never)
    assert len(files) == 1
    assert torch.equal(stored["head.weight"], extractors[0].network.head.weight)


def test_classifier_does_not_touch_the_global_random_stream(tmp_path: Path) -> None:
    train, held_out = stripes(50), stripes(10)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ClassifierExtractor(epochs=1).prepare(train, held_out, Cache(tmp_path))
    assert torch.equal(torch.rand(3), expected)


def test_truncated_cache_entry_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache("key", lambda: {"x": torch.arange(5)})
    path = tmp_path / "key.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert torch.equal(cache("key", lambda: {"x": torch.arange(3)})["x"], torch.arange(3))


def assert_equal_to_1e_6(actual: Tensor, expected: Tensor) -> None:
    """Relative to the largest: float32 sums of thousands of terms know no zero any better."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6 * expected.abs().max().item())


def test_classifier_features_are_those_of_the_network_that_was_trained(tmp_path: Path) -> None:
    train, held_out = stripes(200), stripes(130)
    extractor = ClassifierExtractor(epochs=2)
    extractor.prepare(train, held_out, Cache(tmp_path))
    expected_features, expected_logits = train_classifier(train, 2, steps=4)(normalised(held_out.images))
    features, logits = extractor(held_out.images)
    assert_equal_to_1e_6(features, expected_features.detach())
    assert_equal_to_1e_6(logits, expected_logits.detach())


def test_inception_features_equal_torch_fidelity(random_inception: Path, tmp_path: Path) -> None:
    images = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8)
    extractor = InceptionExtractor(str(random_inception))
    extractor.prepare(Batch(images), Batch(images), Cache(tmp_path))
    features, logits = extractor(images)
    reference = FeatureExtractorInceptionV3("r", ["2048", "logits_unbiased"], str(random_inception))
    expected_features, expected_logits = reference(images)
    assert_equal_to_1e_6(features, expected_features)
    assert_equal_to_1e_6(logits, expected_logits)
    gray = images[:2, :1]
    assert_equal_to_1e_6(extractor(gray)[0], reference(gray.repeat(1, 3, 1, 1))[0])


class Evil:
    def __reduce__(self) -> tuple:
        return (Path.write_text, (Path("executed"), "evil"))


def test_hostile_inception_weights_execute_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    torch.save({"conv": Evil()}, path)
    with pytest.raises(ValueError, match=r"evil\.pth is not a file of Inception weights"):
        InceptionExtractor(str(path)).prepare(stripes(4), stripes(4), Cache(tmp_path))
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="not a file of Inception weights"):
        InceptionExtractor(str(path)).prepare(stripes(4), stripes(4), Cache(tmp_path))
    assert not (tmp_path / "executed").exists()


def test_without_network_the_message_names_the_weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(ValueError, match=r"weights-inception-2015-12-05-6726825d\.pth.*metrics\.weights="):
        InceptionExtractor().prepare(stripes(4), stripes(4), Cache(tmp_path))
