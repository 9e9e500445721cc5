"""Scores that may stand side by side, and why others may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from ganforge.artifacts.evaluations import Evaluation
from ganforge.scoring.stamps import best, comparable_to, differences, last, scored

STAMP = {"extractor": "points", "fake_images": 50_000, "seed": 0, "versions": {"torch": "2.14", "ganforge": "1"}}


def evaluation(images_seen: int, fid: float, **other: Any) -> Evaluation:
    return Evaluation(images_seen, {"fid": fid}, {}, STAMP | other, "")


def test_differences_are_named_to_the_last_leaf() -> None:
    other = {"fake_images": 2_000, "seed": 0, "versions": {"torch": "2.15", "ganforge": "1"}, "extractor": "points"}
    assert differences(STAMP, other, "there") == [
        "fake_images: 50,000 here, 2,000 there",
        "versions.torch: 2.14 here, 2.15 there",
    ]
    assert differences(STAMP, {**STAMP, "resize": "none"}, "there") == ["resize: None here, none there"]
    assert differences(STAMP, json.loads(json.dumps(STAMP)), "there") == []


def test_only_equal_stamps_are_left() -> None:
    one, other = evaluation(1, 3.0), evaluation(2, 1.0, seed=1)
    assert comparable_to([other, one], STAMP, Path("run")) == [one]
    further = evaluation(3, 1.0, seed=1, extractor="inception")
    with pytest.raises(ValueError, match=r"^the scores of run measured something else \(seed: 0 here, 1 there\): eval"):
        comparable_to([further, other], STAMP, Path("run"))


def test_best_and_last() -> None:
    broken = Evaluation(9, {"recall": 0.5}, {}, STAMP, "")
    evaluations = [broken, evaluation(5, 2.0), evaluation(3, 1.0), evaluation(4, 3.0)]
    assert best(evaluations, "fid", "min").images_seen == 3
    assert best(evaluations, "fid", "max").images_seen == 4
    assert last(evaluations).images_seen == 9


def test_run_without_scores(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no scores: evaluate it first"):
        scored(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"images_seen": 3}\n')
    with pytest.raises(ValueError, match="line 1, is not an evaluation"):
        scored(tmp_path)
