"""What a scheduler says of this process: SLURM, submitit or torchrun, which start one process for each device."""

import os


def rank() -> int:
    """This process's number among those that train together."""
    return int(os.environ.get("SLURM_PROCID", os.environ.get("RANK", 0) if "TORCHELASTIC_RUN_ID" in os.environ else 0))


def requeued() -> bool:
    """Whether a scheduler has started this job before."""
    return int(os.environ.get("SLURM_RESTART_COUNT", 0)) > 0 or "SUBMITIT_EXECUTOR" in os.environ


def refuse_half_a_launcher() -> None:
    """Lightning believes RANK, and waits for the other processes, also where none were started."""
    said = {name: os.environ[name] for name in ("RANK", "WORLD_SIZE") if name in os.environ}
    launched = {"SLURM_PROCID", "TORCHELASTIC_RUN_ID"} & os.environ.keys()
    if not launched and (said.get("RANK", "0"), said.get("WORLD_SIZE", "1")) != ("0", "1"):
        words = " and ".join(f"{name}={value}" for name, value in said.items())
        raise ValueError(
            f"{words} would make this a part of a group: unset RANK and WORLD_SIZE, or start with torchrun"
        )
