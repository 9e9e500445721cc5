"""Words of a command line before Hydra sees them: a path is what was typed."""

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.types import ChoiceSweep, RangeSweep
from hypothesis import given
from hypothesis import strategies as st

from ganforge.launch.grammar import as_typed, parse, quoted

HOME = str(Path.home())
PATHS = {
    "data.path=photos": "photos",
    "data.path=~/photos": f"{HOME}/photos",
    "data.path=~": HOME,
    "data.path=~nobody-has-this-name/x": "~nobody-has-this-name/x",
    "data.path=фото": "фото",
    "output=ünï": "ünï",
    "data.path=my photos (1)": "my photos (1)",
    "data.path=f(1)": "f(1)",
    "data.path=a=b": "a=b",
    "data.path=it's": "it's",
    "data.path=2024": "2024",
    "data.path=1_000": "1_000",
    "hydra.run.dir=true": "true",
    "search.folder=1e3": "1e3",
    "run=[x]": "[x]",
    "paths.cache={x:1}": "{x:1}",
    "+data.path=2024": "2024",
    "data.path=a\nb": "a\nb",
    "data.path=C:\\photos": "C:\\photos",
    "data.path='a,b'": "a,b",
    "data.path=${paths.data}/x": "${paths.data}/x",
    "fakes=~/photos": f"{HOME}/photos",
    "data.path=null": None,
    "images=2024": 2024,
}


@pytest.mark.parametrize(("word", "value"), PATHS.items())
def test_a_path_is_what_was_typed(word: str, value: Any) -> None:
    assert parse(as_typed(word)).value() == value


def test_other_values_are_hydras() -> None:
    for word in ("experiment=~", "~data.path", "~data.path=x", "loss=a,b", "logger.tensorboard.name=ü"):
        assert as_typed(word) == word


@pytest.mark.parametrize(
    ("word", "values"),
    {
        "data.path=a,b": ["a", "b"],
        "data.path=~/a,фото,2024": [f"{HOME}/a", "фото", "2024"],
        "data.path=a (1,2),b": ["a (1,2)", "b"],
        "data.path='a,b',c": ["a,b", "c"],
        "data.path=choice(a,b)": ["a", "b"],
    }.items(),
)
def test_a_sweep_over_paths_stays_one(word: str, values: list[str]) -> None:
    override = parse(as_typed(word))
    assert isinstance(override.value(), ChoiceSweep)
    assert [parse(f"x={value}").value() for value in override.sweep_string_iterator()] == values


def test_a_range_of_folders_stays_one() -> None:
    assert isinstance(parse(as_typed("data.path=range(1,3)")).value(), RangeSweep)


@pytest.mark.parametrize("word", ["data.path=", "run=", "paths.outputs=' '", "data.path=a,", "hydra.run.dir=\t"])
def test_an_empty_path_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="an empty path names nothing"):
        as_typed(word)


@given(st.text("ab'\"\\ ,()[]{}=~:ü\n/1", min_size=1, max_size=12))
def test_quoted_is_read_back(text: str) -> None:
    assert parse(f"key={quoted(text)}").value() == text


@pytest.mark.parametrize(
    ("word", "advice"),
    {
        "experiment=ü": "quote it twice: 'experiment=\"...\"'",
        "images": "an override is key=value",
        "x=" + "[" * 10_000: "cannot read",
    }.items(),
)
def test_what_cannot_be_read_says_what_to_type(word: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse(word)
