"""A run that begins with the weights of another one."""

from pathlib import Path

from ganforge.artifacts.checkpoints import Checkpoint, load_whole, newest
from ganforge.launch.messages import shown
from ganforge.process.terminal import warn
from ganforge.systems.system import System

NAMED = 3
"""Tensors that a message names; there may be hundreds."""


def begin_with(source: Path, system: System) -> str:
    """Give the players and their average what another run's newest checkpoint has for them; returns it in words.

    `source` is its folder, or a checkpoint. A tensor fits by its name and its shape; the others stay as they are, such
    as those of other classes, and a player that the other run has not, such as the discriminator after a pre-training.
    ValueError where most of a player's do not fit, or there is no checkpoint.
    """
    start = Checkpoint(source, load_whole(source)) if source.is_file() else newest(source / "checkpoints", warn)
    if start is None:
        raise ValueError(f"init_from={shown(source)}: there is no checkpoint in it")
    stored = start.state["state_dict"]
    own = {name: value for name, value in system.state_dict().items() if name.startswith(owners(system))}
    fitting = {
        name: stored[name] for name, value in own.items() if name in stored and stored[name].shape == value.shape
    }
    players = [player for player in system.players if any(name.startswith(f"{player}.") for name in stored)]
    for player in players or system.players:
        names = [f"{player}.{name}" for name, _ in getattr(system, player).named_parameters()]
        if 2 * len(fitting.keys() & set(names)) < len(names):
            raise ValueError(f"init_from={shown(source)}: the weights there do not fit this {player}")
    system.load_state_dict(fitting, strict=False)
    alone = [player for player in system.players if player not in players]
    aside = tuple(f"{player}." for player in alone) + tuple(system.averages)
    missing = [*alone, *(name for name in own if name not in fitting and not name.startswith(aside))]
    others = ""
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        others = f", but for {', '.join(missing[:NAMED])}{more}"
    return f"beginning with the weights of {shown(source)} at {start.images_seen:,} images{others}"


def owners(system: System) -> tuple[str, ...]:
    return tuple(f"{name}." for name in (*system.players, *system.averages))
