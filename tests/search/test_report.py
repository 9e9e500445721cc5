"""What a search says at its end."""

import csv

import pytest
from optuna.trial import TrialState, create_trial

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
    long = f"z={'long' * 20}"  # no line that is to be typed is broken
    words = [long, "fails=no,no,yes", "x=interval(0,1)", "y=[1],[2,3]"]
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
    assert f"repeat   python src/train.py {long} fails=no x={best['x']} 'y={best['y']}'\n" in output
    assert f"best     {shown(search.folder / 'trials' / best['trial'])}\n" in output
    assert "matters  x " in output, "x alone decides the score"


def test_a_trial_that_was_ended_early_is_not_ranked(fake: Fake, capsys: pytest.CaptureFixture) -> None:
    """Its last score has the value of a result."""
    search = fake()
    trials = search.run(trials=2)
    ended = create_trial(
        state=TrialState.PRUNED,
        value=0.0,
        params={"x": 0.3},
        distributions=trials[0].distributions,
        intermediate_values={100: 0.0},
        user_attrs={"why": "worse than the median at 100"},
    )
    search.study.add_trial(ended)
    assert report(search.folder, search.plan(), space_of([], ["x=interval(0,1)"]), search.study)
    with (search.folder / "search.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["finished", "finished", "pruned"]
    output = capsys.readouterr().out
    assert "best trials by fid" in output
    assert "2 finished, 1 pruned" in output


def test_it_says_whether_a_trial_has_finished(fake: Fake) -> None:
    search = fake()
    search.run("fails=yes", trials=2)
    space = space_of([], ["x=interval(0,1)"])
    assert not report(search.folder, search.plan(), space, search.study)
    search.run("fails=no", trials=3)
    assert report(search.folder, search.plan(), space, search.study)
