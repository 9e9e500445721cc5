"""Going on with a run or a sweep: its own overrides and configuration, and what may be changed on the way."""

import json
import re
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.files import refuse_links
from ganforge.artifacts.records import leaves
from ganforge.configuration.references import leads_outside
from ganforge.launch.grammar import parse, quoted
from ganforge.launch.job import Job, Train, run_and_record
from ganforge.launch.messages import in_shell, shown
from ganforge.launch.overrides import conf_folder, refuse_bad_overrides
from ganforge.launch.same_run import CHANGEABLE, is_below
from ganforge.launch.stored import LATEST, is_for_hydra, latest, stored_config, stored_overrides, stored_status

LAUNCHING = re.compile(r"hydra/launcher=\w+|hydra\.launcher\.[a-z]\w*=[\w.-]+")
"""The only overrides of Hydra's own settings that are taken from a sweep's folder."""
PLACING = re.compile(r"hydra\.(sweep\.subdir|job\.config\.override_dirname\b.*)=")
"""The overrides that say where the jobs of a sweep are: a folder that came from elsewhere could name any place."""
SWEEP_FILE = "sweep.json"


def go_on(overrides: list[str], multirun: bool, train: Train) -> list[str] | None:
    """Go on with the run that `resume=` names, or return the overrides with which its sweep goes on."""
    parsed = [parse(override) for override in overrides]
    said = {override.key_or_group: override for override in parsed}
    if said["resume"].is_sweep_override():
        raise ValueError(f"{said['resume'].input_line}: one run or sweep goes on at a time")
    outputs = said["paths.outputs"].value() if "paths.outputs" in said else conf_folder().parent / "outputs"
    folder = found(str(said["resume"].value()), Path(str(outputs)))
    others = [text for text, override in zip(overrides, parsed, strict=True) if override.key_or_group != "resume"]
    if (folder / SWEEP_FILE).exists():
        return sweep_overrides(folder, others)
    without = [*(override for override in others if is_for_hydra(override)), *(["-m"] if multirun else [])]
    if without:
        raise ValueError(f"{shown(folder)} is one run, which goes on in its own folder: leave out {' '.join(without)}")
    resume_run(folder, others, train)
    return None


def found(name: str, outputs: Path) -> Path:
    """The folder that `resume=` means."""
    if name == LATEST:
        return latest(outputs, "train/*", "sweep/*")
    folder = Path(name).resolve()
    if not (folder / SWEEP_FILE).exists() and not (folder / ".hydra" / "config.yaml").exists():
        raise ValueError(f"resume={name}: no run or sweep is there (a run folder has .hydra/config.yaml)")
    return folder


def resume_run(folder: Path, overrides: list[str], train: Train) -> None:
    config = stored_config(folder)
    earlier = stored_overrides(folder)
    status = stored_status(folder)
    budget = config.get("images")
    merged = merged_overrides(earlier, overrides)
    if overrides:
        change(config, earlier, merged)
    if type(config.images) is not int:
        raise ValueError(f"images={config.images} should be a whole number")
    if status.get("state") == "finished" and is_spent(config.images, status.get("images_seen")):
        print(f"{shown(folder)} is complete: {budget:,} images were asked for. Go on with a larger images=")
        return
    number = status.get("number", 0)
    run_and_record(Job(folder, merged, number if isinstance(number, int) else 0, resumed=True), config, train)


def sweep_overrides(folder: Path, overrides: list[str]) -> list[str]:
    """The sweep's own overrides, which cannot be changed, in its own folder."""
    refuse_links(folder)
    try:
        stored = json.loads((folder / SWEEP_FILE).read_text(encoding="utf-8"))["overrides"]
        safe = [override for override in stored if not is_for_hydra(override) or LAUNCHING.fullmatch(override)]
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ValueError(f"{folder / SWEEP_FILE} does not say how the sweep was started") from error
    outside = [one for one in stored if PLACING.match(one) or (one in safe and leads_outside(one))]
    untyped = [one for one in outside if one not in overrides]
    if untyped:
        raise ValueError(
            f"{folder / SWEEP_FILE} asks for something outside: if that was you, type {in_shell(untyped[0])} again"
        )
    new = [one for one in overrides if one not in stored and not one.startswith(("paths.outputs=", "hydra"))]
    if new:
        raise ValueError(f"a sweep goes on as it was started: leave out {' '.join(new)}")
    launching = [one for one in overrides if one.startswith("hydra") and one not in safe]
    elsewhere = [one for one in launching if one.startswith(("hydra.run", "hydra.sweep.")) and one not in outside]
    if elsewhere:
        raise ValueError(f"a sweep goes on in its own folder: leave out {' '.join(elsewhere)}")
    return [*safe, *launching, f"hydra.sweep.dir={quoted(folder)}", f"resume={quoted(folder)}"]


def merged_overrides(earlier: list[str], overrides: list[str]) -> list[str]:
    """Later overrides replace earlier ones about the same key."""
    said = {parse(override).key_or_group for override in overrides}
    return [*(override for override in earlier if parse(override).key_or_group not in said), *overrides]


def change(config: DictConfig, earlier: list[str], merged: list[str]) -> None:
    """Apply to `config` what the new overrides change; ValueError shows every change that would make it another run."""
    refuse_bad_overrides(merged, False, "train")
    before, after = composed(earlier), composed(merged)
    old, new = (dict(leaves(OmegaConf.to_container(node))) for node in (before, after))
    changed = {path for path in {**old, **new} if old.get(path) != new.get(path)}
    refused = sorted(path for path in changed if not is_below(path, CHANGEABLE))
    if refused:
        differences = ", ".join(f"{path}: {old.get(path)} -> {new.get(path)}" for path in refused)
        hardware = any(path.startswith("trainer.") for path in refused)
        hint = ", or for other hardware say only trainer.accelerator=cuda, or cpu" if hardware else ""
        raise ValueError(f"resume= cannot change what is trained ({differences}); start a new run for that{hint}")
    for free in CHANGEABLE:
        if any(is_below(path, [free]) for path in changed):
            OmegaConf.update(config, free, unresolved(after, free), merge=False, force_add=True)


def is_spent(budget: int, images_seen: Any) -> bool:
    return isinstance(images_seen, int) and images_seen >= budget


def unresolved(config: DictConfig, path: str) -> Any:
    """The value at a dotted path, with its references as they are written."""
    value = OmegaConf.to_container(config)
    for key in path.split("."):
        value = value[key]  # type: ignore[index, call-overload]
    return value


def composed(overrides: list[str]) -> DictConfig:
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return compose("train", overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(f"the run's own overrides do not fit conf/ any more: {str(error).splitlines()[0]}") from error
