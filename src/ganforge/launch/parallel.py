"""A sweep whose jobs run in processes of their own: a signal ends it when all of them have saved."""

import multiprocessing
import signal
import sys
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ganforge.launch.job import announce_resume
from ganforge.process import lifetime, signals


class ParallelSweep(Callback):
    """Where `hydra/launcher=joblib` starts the jobs, does at the end of a stopped sweep what a job in sequence does."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        if "joblib" in config.hydra.launcher._target_:
            from joblib.externals.loky.backend import resource_tracker as loky

            signals.start_ignoring_signals(resource_tracker.ensure_running, loky.ensure_running)
            signals.pass_on_to_workers()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Called in the process of the job."""
        if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
            lifetime.end_with(parent.pid)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Before the ranking, which is the end of a whole sweep."""
        if signals.received:
            number = signals.received[0]
            print(f"stopped by {signal.Signals(number).name}, and saved", file=sys.stderr)
            announce_resume(Path(config.hydra.sweep.dir))
            sys.exit(128 + number)
