"""What is tried, what is ended early, and what a killed search goes on with; trials are fake."""

import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

from ganforge.search.study import Running, Search
from ganforge.search.trials import TrialProcess, alone_in

from .conftest import Fake


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_told_score_is_the_best_of_a_trial_and_later_trials_are_near_the_best(fake: Fake) -> None:
    trials = fake().run(trials=20)
    for trial in trials:
        assert trial.value == pytest.approx((trial.params["x"] - 0.3) ** 2 + 1 / 300)
        assert trial.user_attrs["images_seen"] == 300
    distances = [abs(trial.params["x"] - 0.3) for trial in trials]
    assert sum(distances[10:]) < sum(distances[:10]) / 2


@pytest.mark.slow
def test_same_seed_same_trials_also_when_killed_in_between(fake: Fake) -> None:
    whole = [trial.params for trial in fake("whole").run(trials=12)]
    assert [trial.params for trial in fake("other").run(trials=2, seed=1)] != whole[:2]
    killed = fake("killed")
    process = killed.start("sleep=0.02", trials=12)
    wait_until(lambda: "10" in killed.starts)
    process.kill()
    process.wait()
    trials = killed.run(trials=12)
    assert [trial.params for trial in trials] == whole
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert len(killed.starts) <= 13, "finished trials were run again"


def test_trials_die_with_a_search_that_is_killed(fake: Fake) -> None:
    search = fake()
    process = search.start("sleep=60", jobs=2)
    files = [search.folder / "trials" / number / "pid" for number in "01"]
    wait_until(lambda: all(file.exists() and file.read_text() for file in files))
    with pytest.raises(ValueError, match="still running"), alone_in(search.folder):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(alive(int(file.read_text())) for file in files))
    with alone_in(search.folder):
        pass


def test_jobs_run_at_the_same_time(fake: Fake) -> None:
    search = fake()
    start = time.monotonic()
    trials = search.run("sleep=0.3", trials=4, jobs=4)
    assert time.monotonic() - start < 4 * 0.9
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4


def test_trial_worse_than_the_median_is_ended(fake: Fake) -> None:
    trials = fake().run("sleep=0.05", trials=8, pruner="median")
    finished: list[float] = []
    for trial in trials:
        worse = len(finished) >= 2 and trial.intermediate_values[100] > statistics.median(finished)
        assert trial.state == (TrialState.PRUNED if worse else TrialState.COMPLETE)
        assert len(trial.intermediate_values) == (1 if worse else 3)
        if not worse:
            finished.append(trial.intermediate_values[100])
    assert 2 <= len(finished) < len(trials) - 1


def test_no_trial_is_ended_before_its_time(fake: Fake) -> None:
    trials = fake().run(trials=8, pruner="median", prune_after_images=200)
    assert min(len(trial.intermediate_values) for trial in trials) == 2


def test_killed_trial_goes_on_once_then_fails(fake: Fake) -> None:
    once = fake("once")
    trials = once.run("dies=1", trials=2)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    assert once.starts == ["0", "1", "1"]
    assert list(trials[1].intermediate_values) == [100, 200, 300]
    (always,) = fake("always").run("dies=always", trials=1)
    assert (always.state, always.user_attrs["why"]) == (TrialState.FAIL, "killed by signal 9 twice")


def test_failure_has_its_reason_and_the_others_go_on(fake: Fake) -> None:
    trials = fake().run("fails=yes,no", "x=interval(0,1)", trials=8)
    for trial in trials:
        failed = trial.params["fails"] == "yes"
        assert trial.state == (TrialState.FAIL if failed else TrialState.COMPLETE)
        assert trial.user_attrs["why"] == ("the reason" if failed else "")
    assert len({trial.state for trial in trials}) == 2


def test_nothing_but_failures_ends_the_search(fake: Fake) -> None:
    search = fake()
    with pytest.raises(ValueError, match="the first 3 trials failed: the reason"):
        search.run("fails=yes", trials=20)
    assert len(search.starts) == 3


def test_scores_with_unequal_stamps_are_not_compared(fake: Fake) -> None:
    trials = fake().run("count=1,2", "x=interval(0,1)", trials=8)
    counts = {trial.params["count"] for trial in trials if trial.state == TrialState.COMPLETE}
    assert counts == {trials[0].params["count"]}
    others = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert others
    for trial in others:
        assert trial.user_attrs["why"] == "its scores cannot be compared: unequal count"
        assert trial.intermediate_values == {}


def test_same_parameters_are_not_trained_twice(fake: Fake) -> None:
    search = fake()
    trials = search.run("x=0.1,0.2", trials=12)
    assert len(trials) == 12
    assert len(search.starts) == len({trial.params["x"] for trial in trials}) == 2
    assert len({(trial.params["x"], trial.value) for trial in trials}) == 2


def test_more_trials_continue_the_sequence(fake: Fake) -> None:
    search = fake("more")
    assert len(search.run(trials=3)) == 3
    more = search.run(trials=6)
    assert [trial.params for trial in more] == [trial.params for trial in fake("at once").run(trials=6)]
    assert search.starts == [str(number) for number in range(6)]


def test_stopping_ends_the_processes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    search = fake()

    def interrupt(self: Search, running: Running) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        search.run("sleep=60", jobs=2)
    assert len(search.processes) == 2
    assert {process.returncode for process in search.processes} <= {-signal.SIGTERM, 128 + signal.SIGTERM}


def test_a_trial_that_was_killed_while_its_checkpoints_changed_names_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two renames there is a previous one and the next one, and no last one."""
    checkpoints = tmp_path / "0" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "previous.ckpt").touch()
    lines: list[list[str]] = []
    monkeypatch.setattr("ganforge.search.trials.subprocess.Popen", lambda line, **_: lines.append(line))
    TrialProcess(tmp_path / "0", Path("train.py"), [], str(tmp_path))
    assert lines[0][2:] == [f"resume='{tmp_path}/0'"]
    assert (checkpoints / "previous.ckpt").exists()
