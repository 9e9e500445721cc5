"""Words that name nothing, or nothing to run, are explained; a sweep is composed as seldom as can be."""

import re
from typing import Any

import pytest

from ganforge.launch import overrides
from ganforge.launch.overrides import refuse_bad_overrides, understood
from ganforge.suggestions import suggestion

REFUSED = {
    "range that ends before it begins": ("-m seed=range(3,1)", "seed=range(3,1) names no value"),
    "range to nowhere": ("-m seed=range(0,nan)", "seed=range(0,nan) has no end"),
    "endless range": ("-m seed=range(0,inf)", "seed=range(0,inf) has no end"),
    "range without steps": ("-m seed=range(0,2,0)", "seed=range(0,2,0): range() arg 3 must not be zero"),
    "interval": ("-m optimizer.generator.lr=interval(0,1)", "is for src/search.py"),
    "glob that finds nothing": ("-m loss=glob(x*)", "finds no option (there are: content, dragan, "),
    "glob of a key": ("-m seed=glob(*)", "seed is no group"),
    "several values": ("seed=1,2", "seed=1,2 names several values: add -m to run them all (a list is seed=[1,2])"),
    "several paths": ("data.path=a,b", "(a path with a comma is quoted twice: 'data.path=\"...\"')"),
    "no option": ("data=null", "data=null does not exist (there are: arrays, "),
    "argument without a key": (
        "optimizer.generator.weight_decay=0.1",
        "is not a key of this configuration (an argument without a key is added with +: "
        "+optimizer.generator.weight_decay=...)",
    ),
    "typo with +": ("+optimizer.generater.lr=1", "Did you mean optimizer.generator.lr?"),
}


def refused(*words: str) -> None:
    multirun = "-m" in words
    refuse_bad_overrides(understood([word for word in words if word != "-m"]), multirun, "train")


@pytest.mark.parametrize("case", REFUSED)
def test_what_names_nothing_is_explained(case: str) -> None:
    line, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        refused(*line.split())


def test_what_can_be_added_is_not_refused() -> None:
    refused("+callbacks.x._target_=lightning.pytorch.callbacks.Timer", "+callbacks.x.verbose=false")
    refused("+optimizer.generator.weight_decay=0.1")
    refused("~callbacks.samples", "~experiment")


def test_glob_finds_options_alone() -> None:
    assert understood(["trainer=glob([c*,_*])", "seed=1"]) == ["trainer=cpu", "seed=1"]
    assert understood(["loss=glob(*gan)"]) == ["loss=dragan,lsgan,wgan"]


@pytest.mark.parametrize(
    ("words", "times"),
    [
        (["seed=range(0,200)", "images=1,2,3"], 2),
        (["loss=hinge,wgan", "seed=range(0,200)"], 4),
        (["loss=hinge,wgan"], 2),
        (["paths.outputs=a,b", "seed=1,2"], 3),
    ],
)
def test_a_sweep_is_composed_once_for_each_choice_of_groups(
    monkeypatch: pytest.MonkeyPatch, words: list[str], times: int
) -> None:
    """Twice where there are other words: once for the keys, once for their values."""
    composed: list[Any] = []
    compose = overrides.compose
    monkeypatch.setattr(overrides, "compose", lambda *arguments: (composed.append(0), compose(*arguments))[1])
    refuse_bad_overrides(words, True, "train")
    assert len(composed) == times


@pytest.mark.parametrize(("word", "read"), [("null", "None"), ("' '", " ")])
def test_each_folder_for_outputs_of_a_sweep_is_looked_at(word: str, read: str) -> None:
    with pytest.raises(ValueError, match=rf"paths.outputs={read} should be a folder"):
        refuse_bad_overrides(["seed=1,2", f"paths.outputs=a,{word}"], True, "train")


def test_suggestion_is_near_in_its_last_part() -> None:
    known = ["optimizer.generator.lr", "optimizer.generator.betas", "images"]
    assert suggestion("optimizer.generater.lr", known) == ". Did you mean optimizer.generator.lr?"
    assert suggestion("generator.lr", known) == ". Did you mean optimizer.generator.lr?"
    assert suggestion("imags", known) == ". Did you mean images?"
    assert suggestion("optimizer.generator.weight_decay", known) == ""
