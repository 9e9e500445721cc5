"""The trials of a search: what is tried next, and what is reported to Optuna."""

import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from ganforge.artifacts.evaluations import best
from ganforge.compat.optuna import live
from ganforge.faults import Interrupted
from ganforge.launch.claim import claimed
from ganforge.launch.messages import resume_override, shown
from ganforge.launch.overrides import conf_folder
from ganforge.process.quiet import quiet
from ganforge.randomness import derived_seed
from ganforge.search.plan import Plan, plan_of
from ganforge.search.report import NAMES, report
from ganforge.search.space import space_of
from ganforge.search.trials import TrialProcess, alone_in

POLL = 0.2
HOPELESS = 3
"""A search stops after this many failures without a single score."""


def run(config: DictConfig, overrides: list[str]) -> None:
    """Run a search to its end and show what it found."""
    quiet()
    folder, plan = plan_of(config, overrides)
    written: Any = OmegaConf.to_container(config.search, resolve=False)
    claim = claimed(folder, may_rename=not config.resume and "${now:" in written["folder"])
    try:
        search_in(claim.folder, plan)
    except Exception:
        if not (claim.folder / "trials").exists():
            claim.withdraw()
        raise


def search_in(folder: Path, plan: Plan) -> None:
    with alone_in(folder):
        plan.save(folder)
        print(f"{plan.settings['trials']} trials by {plan.monitor}, in {shown(folder)}")
        try:
            with closing(Search(folder, plan, conf_folder().parent / "src" / "train.py")) as search:
                search.run()
        except Interrupted as end:
            print(f"stopped; go on with: python src/search.py {resume_override(folder)}", file=sys.stderr)
            sys.exit(end.code)
        if not report(folder, plan, search.space, search.study):
            sys.exit(1)


@dataclass
class Running:
    """A trial in the storage, the process that trains it, and the clocks of the scores that were looked at."""

    trial: Trial
    process: TrialProcess
    evaluated: set[int] = field(default_factory=set)


class Search:
    """Trials by `script`, `plan.settings["jobs"]` at a time.

    What trial n tries is a function of the seed, n, and what the storage says of the trials before it. A trial is in
    the storage with all that it tries before its process starts, so that nothing is lost when everything is killed.
    """

    def __init__(self, folder: Path, plan: Plan, script: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.plan, self.script = folder, plan, script
        self.space = space_of(plan.overrides, plan.default_space)
        self.study = optuna.create_study(
            storage=f"sqlite:///{folder / 'search.db'}",
            study_name="search",
            load_if_exists=True,
            direction="minimize" if plan.mode == "min" else "maximize",
            pruner=pruner(plan.settings),
        )
        self.broken = [trial for trial in self.trials() if trial.state == TrialState.RUNNING]
        self.running: list[Running] = []
        self.failures: list[str] = []

    def trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def run(self) -> None:
        while self.start_trials() or self.running:
            for running in list(self.running):
                self.watch(running)
            if len(self.failures) >= HOPELESS and "stamp" not in self.study.user_attrs:
                raise ValueError(f"the first {len(self.failures)} trials failed: {self.failures[-1]}")
            time.sleep(POLL)

    def close(self) -> None:
        for running in self.running:
            running.process.ask_to_stop()
        for running in self.running:
            running.process.stop()

    def start_trials(self) -> bool:
        """Fill the free places; whether there was something to start."""
        started = False
        while len(self.running) < self.plan.settings["jobs"] and (trial := self.next_trial()):
            started = True
            folder = self.folder / "trials" / str(trial.number)
            overrides = self.space.overrides(trial.params)
            process = TrialProcess(folder, self.script, overrides, self.plan.directory)
            self.running.append(Running(live(self.study, trial), process))
        return started

    def next_trial(self) -> FrozenTrial | None:
        """One that was broken off, else a new one; the same parameters are not trained twice."""
        if self.broken:
            return self.broken.pop(0)
        while len(trials := self.trials()) < self.plan.settings["trials"]:
            parameters = suggested(self.study, self.space.distributions, self.plan.settings["seed"])
            same = next((t for t in trials if t.params == parameters and t.state.is_finished()), None)
            self.study.add_trial(new_trial(parameters, self.space.distributions, same))
            if same is None:
                return self.trials()[-1]
        return None

    def watch(self, running: Running) -> None:
        """Pass on what a trial has scored, and how it ended."""
        code = running.process.poll()
        lines = running.process.evaluations()
        for line in lines:
            if line["images_seen"] not in running.evaluated:
                running.evaluated.add(line["images_seen"])
                state, why = self.report_evaluation(running.trial, line)
                if state is not None:
                    running.process.stop()
                    self.tell(running, state, why)
                    return
        if code == 0:
            self.tell_best(running, lines)
        elif code is not None:
            self.tell(running, TrialState.FAIL, running.process.complaint())

    def report_evaluation(self, trial: Trial, line: dict[str, Any]) -> tuple[TrialState | None, str]:
        """How one evaluation ends its trial, if it does. The first evaluation of all fixes the stamp of the search."""
        if "stamp" not in self.study.user_attrs:
            self.study.set_user_attr("stamp", line["stamp"])
        stamp, clock = self.study.user_attrs["stamp"], line["images_seen"]
        if line["stamp"] != stamp:
            unequal = [key for key in {**stamp, **line["stamp"]} if line["stamp"].get(key) != stamp.get(key)]
            return TrialState.FAIL, f"its scores cannot be compared: unequal {', '.join(unequal)}"
        if clock not in self.trials()[trial.number].intermediate_values:
            trial.report(line["scores"][self.plan.monitor], clock)
        return (TrialState.PRUNED, f"worse than the median at {clock:,}") if trial.should_prune() else (None, "")

    def tell_best(self, running: Running, lines: list[dict[str, Any]]) -> None:
        scored = [line for line in lines if not isnan(line["scores"][self.plan.monitor])]
        if not scored:
            self.tell(running, TrialState.FAIL, f"it has no {self.plan.monitor}")
            return
        line = best(scored, lambda line: line["scores"][self.plan.monitor], self.plan.mode)
        running.trial.set_user_attr("images_seen", line["images_seen"])
        self.tell(running, TrialState.COMPLETE, value=line["scores"][self.plan.monitor])

    def tell(self, running: Running, state: TrialState, why: str = "", value: float | None = None) -> None:
        number = running.trial.number
        running.trial.set_user_attr("why", why)
        self.study.tell(number, value, state)
        self.running.remove(running)
        if state == TrialState.FAIL:
            self.failures.append(why)
        outcome = why if value is None else f"{self.plan.monitor} {value:.4g}"
        print(f"trial {number} {NAMES[state]}: {outcome}", flush=True)


def pruner(settings: dict[str, Any]) -> optuna.pruners.BasePruner:
    if settings["pruner"] == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(settings["prune_after_trials"], settings["prune_after_images"])


def suggested(study: optuna.Study, space: dict[str, Any], seed: int) -> dict[str, Any]:
    """What Optuna's tree-structured Parzen estimator tries next, without a memory besides the trials of `study`."""
    trials = study.get_trials()
    sampler = optuna.samplers.TPESampler(seed=derived_seed("search", seed, len(trials)) % 2**32)
    copy = optuna.create_study(sampler=sampler, direction=study.direction)
    copy.add_trials(trials)
    return copy.ask(space).params


def new_trial(parameters: dict[str, Any], space: dict[str, Any], same: FrozenTrial | None) -> FrozenTrial:
    """A trial that is running, or one that ended as the `same` one did."""
    if same is None:
        return create_trial(state=TrialState.RUNNING, params=parameters, distributions=space)
    return create_trial(
        state=same.state,
        value=same.value,
        params=parameters,
        distributions=space,
        intermediate_values=same.intermediate_values,
        user_attrs=same.user_attrs | {"same_as": same.number},
    )
