"""What a search says at its end."""

import csv

import pytest

from ganforge.launch.messages import shown
from ganforge.search.report import report, short
from ganforge.search.space import space_of

from .conftest import Fake


@pytest.mark.parametrize(
    ("keys", "shortest"),
    [
        (["optimizer.generator.lr", "optimizer.discriminator.lr"], ["generator.lr", "discriminator.lr"]),
        (["optimizer.generator.lr", "loss", "loss.n_critic"], ["lr", "loss", "n_critic"]),
        (["lr", "optimizer.lr"], ["lr", "optimizer.lr"]),
    ],
)
def test_keys_are_as_short_as_they_stay_unequal(keys: list[str], shortest: list[str]) -> None:
    assert short(keys) == shortest


def test_best_trial_is_first_and_its_line_can_be_typed(fake: Fake, capsys: pytest.CaptureFixture) -> None:
    search = fake()
    words = ["fails=no,no,yes", "x=interval(0,1)", "y=[1],[2,3]"]
    search.run(*words, trials=16)
    report(search.folder, search.plan(*words), space_of(words, []), search.study)
    output = capsys.readouterr().out
    with (search.folder / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    scores = [float(row["fid"]) for row in rows if row["state"] == "finished"]
    assert scores == sorted(scores)
    assert [row["state"] for row in rows] == ["finished"] * len(scores) + ["failed"] * (16 - len(scores))
    assert f"{len(scores)} finished, {16 - len(scores)} failed" in output
    best = rows[0]
    assert f"repeat   python src/train.py fails=no x={best['x']} 'y={best['y']}'\n" in output
    assert f"best     {shown(search.folder / 'trials' / best['trial'])}\n" in output
    assert "matters  x " in output, "x alone decides the score"


def test_it_says_whether_a_trial_has_finished(fake: Fake) -> None:
    search = fake()
    search.run("fails=yes", trials=2)
    space = space_of([], ["x=interval(0,1)"])
    assert not report(search.folder, search.plan(), space, search.study)
    search.run("fails=no", trials=3)
    assert report(search.folder, search.plan(), space, search.study)
