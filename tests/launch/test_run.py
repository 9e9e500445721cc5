"""What a run that goes on keeps of its records."""

from pathlib import Path

import pytest

from ganforge.artifacts.records import append_line, read_lines
from ganforge.launch.run import forget_what_comes_again


@pytest.mark.parametrize(
    ("first_unwritten", "kept"),
    [(None, [64, 128, 128, 192]), (129, [64, 128, 128]), (128, [64, 128]), (0, [128])],
)
def test_scores_that_come_again_are_dropped_and_those_of_evaluate_stay(
    tmp_path: Path, first_unwritten: int | None, kept: list[int]
) -> None:
    for images_seen, more in ((64, {}), (128, {}), (128, {"by": "evaluate"}), (192, {})):
        append_line(tmp_path / "metrics.jsonl", {"images_seen": images_seen, **more})
    forget_what_comes_again(tmp_path, first_unwritten)
    lines = read_lines(tmp_path / "metrics.jsonl")
    assert [line["images_seen"] for line in lines] == kept
    assert any("by" in line for line in lines)
