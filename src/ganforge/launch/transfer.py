"""A run that begins with the weights of another one."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.artifacts.checkpoints import Checkpoint, load_whole, newest
from ganforge.launch.messages import shown
from ganforge.process.terminal import warn
from ganforge.systems.system import System

NAMED = 3
"""Tensors that a message names; there may be hundreds."""


def begin_with(source: Path, system: System) -> str:
    """Give the system what it inherits of another run's newest checkpoint: players and averages; returns it in words.

    `source` is its folder, or a checkpoint. A tensor fits by its name and its shape; the others stay as they are, such
    as those of other classes, and a player that the other run has not, such as the discriminator after a pre-training.
    ValueError where most of a player's do not fit, or any of a network's that never learns, or there is no checkpoint.
    """
    start = Checkpoint(source, load_whole(source)) if source.is_file() else newest(source / "checkpoints", warn)
    if start is None:
        raise ValueError(f"init_from={shown(source)}: there is no checkpoint in it")
    stored = start.state["state_dict"]
    own, names = system.state_dict(), inherited(system)
    fitting = {
        name: stored[other]
        for name, other in names.items()
        if other in stored and stored[other].shape == own[name].shape
    }
    brought = [owner for owner in system.inherits if owner not in system.averages]
    alone = [name for name in brought if name in system.players and not has_any(stored, system.inherits[name])]
    if len(alone) == len(system.players):
        alone = []
    for owner in brought:
        tensors = [f"{owner}.{name}" for name, _ in getattr(system, owner).named_parameters()]
        needed = len(tensors) / 2 if owner in system.players else len(tensors)
        if owner not in alone and len(fitting.keys() & set(tensors)) < needed:
            raise ValueError(f"init_from={shown(source)}: the weights there do not fit this {owner}")
    system.load_state_dict(fitting, strict=False)
    aside = tuple(f"{player}." for player in alone) + tuple(system.averages)
    missing = [*alone, *(name for name in names if name not in fitting and not name.startswith(aside))]
    others = ""
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        others = f", but for {', '.join(missing[:NAMED])}{more}"
    return f"beginning with the weights of {shown(source)} at {start.images_seen:,} images{others}"


def has_any(stored: Iterable[str], owner: str) -> bool:
    return any(name.startswith(f"{owner}.") for name in stored)


def inherited(system: System) -> dict[str, str]:
    """The names of tensors that another run may bring, and their names there."""
    names = (name.partition(".") for name in system.state_dict())
    return {
        f"{owner}.{name}": f"{system.inherits[owner]}.{name}" for owner, _, name in names if owner in system.inherits
    }


def refuse_untrained_networks(system: System) -> None:
    """ValueError where the system has networks that it does not train, and no run has trained them."""
    for owner in system.inherits:
        if owner not in (*system.players, *system.averages):
            raise ValueError(
                f"{type(system).__name__} learns for a {owner} that is trained: add init_from=<the folder of its run>"
            )
