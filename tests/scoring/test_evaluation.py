"""Scores of a run while it trains."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig
from PIL import Image

from ganforge.configuration.build import build

from ..conftest import TINY

PHOTOS = [
    *TINY["dcgan"], "data=folder", "data.image_size=16", "data.batch_size=8", "images=80", "evaluate_every=40",
    "metrics=self_supervised", "metrics.images=20", "metrics.extractor.epochs=1", "logger=none",
]  # fmt: skip


@pytest.mark.parametrize(("folders", "words"), [([""], []), (["cats", "dogs"], ["condition=projection"])])
def test_photos_have_scores_that_need_no_labels(
    composed: Callable[..., DictConfig], tmp_path: Path, folders: list[str], words: list[str]
) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "photos" / folders[number % len(folders)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    build(composed(*PHOTOS, *words, f"data.path={tmp_path}/photos")).fit()
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["images_seen"] for record in records] == [40, 80]
    scores = [f"{name}_self_supervised" for name in ("fid", "kid", "precision", "recall", "density", "coverage")]
    for record in records:
        assert sorted(record["scores"]) == sorted(record["real"]["scores"]) == sorted(scores)
        assert np.isfinite([*record["scores"].values(), *record["real"]["scores"].values()]).all()
        assert record["stamp"]["extractor"].startswith("self_supervised:")
        assert 0 <= record["stamp"]["extractor_accuracy"] <= 1
    assert (tmp_path / "run" / "generator.safetensors").exists()
