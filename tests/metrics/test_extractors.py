"""The extractors behind the scores."""

import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganforge.artifacts.tensors import Cache
from ganforge.interfaces import Batch
from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.frechet import frechet_distance, moments
from ganforge.metrics.inception import InceptionExtractor
from ganforge.metrics.self_supervised import TEMPERATURE, SelfSupervisedExtractor, contrastive_loss, view
from ganforge.metrics.small_network import TrainedExtractor, normalised

LEARNED = {ClassifierExtractor: 1.0, SelfSupervisedExtractor: 0.5}
"""The least accuracy on held-out stripes, where guessing has 0.5 and 0.02."""
BOTH = pytest.mark.parametrize("kind", LEARNED)


def stripes(count: int) -> Batch:
    """Two classes that anyone can tell apart, horizontal and vertical stripes, and no two images alike."""
    labels = torch.arange(count) % 2
    pattern = (torch.arange(16) % 4 < 2).float() * 100
    stripes = torch.where(labels[:, None, None] == 0, pattern[:, None].expand(16, 16), pattern.expand(16, 16))
    background = F.interpolate(torch.rand(count, 1, 4, 4) * 150, (16, 16), mode="bilinear")
    return Batch((stripes[:, None] + background).byte(), labels)


def prepared(kind: type[TrainedExtractor], folder: Path, epochs: int = 10) -> TrainedExtractor:
    extractor = kind(epochs)
    extractor.prepare(stripes(200), stripes(50), Cache(folder))
    return extractor


@BOTH
def test_extractor_learns_is_cached_and_is_the_same_again(kind: type[TrainedExtractor], tmp_path: Path) -> None:
    train, held_out = stripes(200), stripes(50)
    extractors = [kind(epochs=10) for _ in range(2)]
    torch.manual_seed(1)
    extractors[0].prepare(train, held_out, Cache(tmp_path / "one"))
    torch.manual_seed(2)
    extractors[1].prepare(train, held_out, Cache(tmp_path / "two"))
    assert extractors[0].accuracy >= LEARNED[kind]
    assert extractors[0].describe() == extractors[1].describe()
    (file,) = (tmp_path / "one").iterdir()

    def never() -> dict[str, Tensor]:
        raise AssertionError("the cached network was trained again")

    stored = Cache(tmp_path / "one")(file.stem, never)
    assert torch.equal(stored["head.weight"], extractors[0].network.head.weight)


@BOTH
def test_extractor_does_not_touch_the_global_random_stream(kind: type[TrainedExtractor], tmp_path: Path) -> None:
    train, held_out = stripes(50), stripes(10)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    kind(epochs=1).prepare(train, held_out, Cache(tmp_path))
    assert torch.equal(torch.rand(3), expected)


@BOTH
@pytest.mark.parametrize(("count", "channels", "size"), [(3, 3, 8), (40, 1, 17), (20, 3, 100)])
def test_extractor_of_any_images(
    kind: type[TrainedExtractor], count: int, channels: int, size: int, tmp_path: Path
) -> None:
    images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    split = Batch(images, torch.arange(count) % 2)
    extractor = kind(epochs=1, max_steps=1)
    extractor.prepare(split, split, Cache(tmp_path))
    features, _ = extractor(images)
    assert features.shape == (count, 64)
    assert features.isfinite().all()
    assert 0 <= extractor.accuracy <= 1


@BOTH
def test_stamp_names_the_weights(kind: type[TrainedExtractor], tmp_path: Path) -> None:
    one, other = (prepared(kind, tmp_path, epochs).describe() for epochs in (1, 2))
    assert str(one["extractor"]).startswith(f"{kind.name}:")
    assert one["extractor"] != other["extractor"]
    assert one.keys() == {"extractor", "extractor_accuracy"}


def test_truncated_cache_entry_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache("key", lambda: {"x": torch.arange(5)})
    path = tmp_path / "key.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert torch.equal(cache("key", lambda: {"x": torch.arange(3)})["x"], torch.arange(3))


def assert_equal_to_1e_6(actual: Tensor, expected: Tensor) -> None:
    """Relative to the largest: float32 sums of thousands of terms know no zero any better."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6 * expected.abs().max().item())


@BOTH
def test_features_are_those_of_the_network_that_was_trained(kind: type[TrainedExtractor], tmp_path: Path) -> None:
    train, held_out = stripes(200), stripes(130)
    extractor = kind(max_steps=4)
    extractor.prepare(train, held_out, Cache(tmp_path))
    expected_features, expected_answers = extractor.trained(train, steps=4)(normalised(held_out.images))
    features, answers = extractor(held_out.images)
    assert_equal_to_1e_6(features, expected_features.detach())
    assert_equal_to_1e_6(answers, expected_answers.detach())


def test_contrastive_loss_is_the_papers_equation() -> None:
    answers, numbers = torch.randn(8, 5), torch.tensor([3, 1, 4, 5]).repeat(2)
    similar = torch.cosine_similarity(answers[:, None], answers[None], dim=2) / TEMPERATURE
    terms = []
    for row in range(8):
        others = [column for column in range(8) if column != row]
        terms.append(torch.logsumexp(similar[row, others], 0) - similar[row, (row + 4) % 8])
    torch.testing.assert_close(contrastive_loss(answers, numbers), torch.stack(terms).mean())


def test_an_image_that_is_drawn_twice_is_not_held_against_itself() -> None:
    answers, one_image = torch.randn(6, 5), torch.zeros(6, dtype=torch.long)
    assert contrastive_loss(answers, one_image).item() == pytest.approx(0, abs=1e-6)


def test_views_are_turned_parts_of_their_images() -> None:
    """Of slopes from left to right: brighter, after one more quarter turn, upwards or downwards instead."""
    slope = torch.linspace(-1, 1, 16).expand(200, 1, 16, 16)
    generator = torch.Generator().manual_seed(0)
    for turn in range(4):
        views = view(slope, torch.full((200,), turn), generator)
        assert views.abs().amax() <= 1
        assert not torch.equal(views[0], views[1])
        back = views.rot90(-turn, (2, 3))
        assert (back[..., -1].mean((1, 2)) > back[..., 0].mean((1, 2)) + 0.5).all()
    gray = torch.full((5, 3, 8, 8), 0.3)
    torch.testing.assert_close(view(gray, torch.arange(5) % 4, generator), gray)


def blurred(images: Tensor) -> Tensor:
    return F.avg_pool2d(images.float(), 3, 1, 1, count_include_pad=False).byte()


@BOTH
def test_distance_rises_with_a_fault_that_is_known(kind: type[TrainedExtractor], tmp_path: Path) -> None:
    extractor, fakes = prepared(kind, tmp_path), stripes(300)
    classes = [fakes.images[fakes.labels == label] for label in (0, 1)]
    real = moments(extractor(stripes(300).images)[0])

    def distance(*images: Tensor) -> float:
        return frechet_distance(*real, *moments(extractor(torch.cat(images))[0])).item()

    assert distance(fakes.images) < distance(classes[0], classes[1][:75]) < distance(classes[0])
    assert (
        distance(fakes.images)
        < distance(fakes.images[:200], blurred(fakes.images[200:]))
        < distance(blurred(fakes.images))
    )


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
    for content in (pickle.dumps(Evil()), b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of Inception weights"):
            InceptionExtractor(str(path)).prepare(stripes(4), stripes(4), Cache(tmp_path))
    assert not (tmp_path / "executed").exists()


def test_without_network_the_message_names_the_weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"weights-inception-2015-12-05-6726825d\.pth.*metrics\.weights="):
            InceptionExtractor().prepare(stripes(4), stripes(4), Cache(tmp_path))
