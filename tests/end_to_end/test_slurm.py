"""What SLURM would start, as far as one machine allows: its variables, its signal, a `scontrol` that takes notes."""

import os
import signal
from pathlib import Path

import pytest

from ..processes import Process, born
from .runs import FORKED, SMALL, differences, finish, train, wait_for

ON_CPU = ["trainer=slurm", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.benchmark=false"]


def srun(home: Path, *words: str, job: str, tasks: int = 2, **environment: str) -> list[Process]:
    """The tasks of one job step on one node."""
    common = {
        "SLURM_JOB_ID": job, "SLURM_JOB_NAME": "train", "SLURM_NTASKS": f"{tasks}", "SLURM_NTASKS_PER_NODE": f"{tasks}",
        "SLURM_NNODES": "1", "SLURM_NODELIST": "localhost", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1",
        "PATH": f"{home}/bin:{os.environ['PATH']}",
    }  # fmt: skip
    return [
        born(
            "train", f"paths.outputs={home}/outputs", *ON_CPU, *words, cwd=home,
            environment=common | {"SLURM_PROCID": f"{rank}", "SLURM_LOCALID": f"{rank}"} | environment,
        )
        for rank in range(tasks)
    ]  # fmt: skip


@pytest.fixture
def scontrol(tmp_path: Path) -> Path:
    """Where the stand-in notes what it was asked."""
    script, notes = tmp_path / "bin" / "scontrol", tmp_path / "asked"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" >> {notes}\n')
    script.chmod(0o755)
    return notes


@pytest.mark.slow
def test_job_of_two_tasks_is_preempted_requeued_and_ends_as_if_it_had_not_been(tmp_path: Path, scontrol: Path) -> None:
    whole = tmp_path / "whole"
    assert train(whole, *SMALL, *FORKED)[0] == 0
    run = tmp_path / "outputs" / "train" / "slurm_4711"
    tasks = srun(tmp_path, *SMALL, job="4711")
    wait_for((run / "checkpoints" / "last.ckpt").exists, tasks[0])
    for task in tasks:
        task.send_signal(signal.SIGUSR1)
    ends = [finish(task) for task in tasks]
    assert [end[0] for end in ends] == [138, 138], ends
    assert scontrol.read_text() == "requeue 4711\n"
    again = [finish(task) for task in srun(tmp_path, *SMALL, job="4711", SLURM_RESTART_COUNT="1")]
    assert [end[0] for end in again] == [0, 0], again
    assert "going on at" in again[0][1]
    assert list(differences(whole, run)) == []


def test_a_task_without_its_gpu_says_so(tmp_path: Path) -> None:
    words = [word for word in SMALL if not word.startswith("trainer.")]
    (task,) = srun(tmp_path, *words, "trainer.accelerator=cuda", job="1", tasks=1, CUDA_VISIBLE_DEVICES="")
    code, _, errors = finish(task)
    assert (code, errors.count("\n")) == (2, 1)
    assert "needs a CUDA GPU" in errors


def test_outside_of_slurm_it_is_refused(tmp_path: Path) -> None:
    code, _, errors = train(tmp_path / "run", *SMALL, *ON_CPU)
    assert code == 2
    assert "Use trainer=ddp" in errors
