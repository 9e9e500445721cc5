"""Lines of a run and its configuration, as they may be after a power cut or from anybody's hands."""

from pathlib import Path

import pytest
import yaml

from ganforge.artifacts.records import YAML_BYTES, YAML_DEPTH, append_line, read_lines, read_yaml


def test_a_line_that_was_being_written_is_replaced_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"n": 0})
    with path.open("a") as file:
        file.write('{"n": 1, "sco')
    assert read_lines(path) == [{"n": 0}]
    append_line(path, {"n": 2})
    assert read_lines(path) == [{"n": 0}, {"n": 2}]


@pytest.mark.parametrize(("line", "message"), [("{1}", "line 2, is not JSON"), ("[1]", "line 2, is not a JSON object")])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "x.jsonl").write_text(f'{{"n": 0}}\n{line}\n')
    with pytest.raises(ValueError, match=message):
        read_lines(tmp_path / "x.jsonl")


def test_yaml_is_read_up_to_a_length_and_a_depth(tmp_path: Path) -> None:
    """Collections side by side are not deep."""
    path, deep = tmp_path / "config.yaml", "[" * YAML_DEPTH + "]" * YAML_DEPTH
    for text in (deep, "[" + "[], " * 2 * YAML_DEPTH + "[]]", "x" * YAML_BYTES):
        path.write_text(text)
        assert read_yaml(path) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * (YAML_DEPTH + 1) + "]" * (YAML_DEPTH + 1), "it is nested too deeply"),
        ("a: &a [x]\nb: [*a, *a]", "it has YAML aliases"),
        ("x" * (YAML_BYTES + 1), "it has more than 100,000 bytes"),
        ("a: [", "cannot be read"),
    ],
    ids=["deep", "aliases", "long", "broken"],
)
def test_yaml_that_takes_all_time_or_memory_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_yaml(tmp_path / "config.yaml")
