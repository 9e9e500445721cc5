"""Going on with a run or a sweep: its own words and configuration, and what may be changed on the way."""

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
from ganforge.command import in_shell, shown
from ganforge.job import Job, Train, perform
from ganforge.overrides import conf_folder, refuse_bad_overrides
from ganforge.references import leads_outside
from ganforge.same_run import CHANGEABLE, is_below
from ganforge.stored import LATEST, is_for_hydra, latest, stored_config, stored_status, stored_words
from ganforge.words import parse, quoted

LAUNCHING = re.compile(r"hydra/launcher=\w+|hydra\.launcher\.[a-z]\w*=[\w.-]+")
"""The only words to Hydra itself that are taken from a sweep's folder."""
PLACING = re.compile(r"hydra\.(sweep\.subdir|job\.config\.override_dirname\b.*)=")
"""The words that say where the jobs of a sweep are: a folder that came from elsewhere could name any place."""
SWEEP_FILE = "sweep.json"


def go_on(words: list[str], multirun: bool, train: Train) -> list[str] | None:
    """Go on with the run that `resume=` names, or return the words with which its sweep goes on."""
    overrides = [parse(word) for word in words]
    said = {override.key_or_group: override for override in overrides}
    if said["resume"].is_sweep_override():
        raise ValueError(f"{said['resume'].input_line}: one run or sweep goes on at a time")
    outputs = said["paths.outputs"].value() if "paths.outputs" in said else conf_folder().parent / "outputs"
    folder = found(str(said["resume"].value()), Path(str(outputs)))
    others = [word for word, override in zip(words, overrides, strict=True) if override.key_or_group != "resume"]
    if (folder / SWEEP_FILE).exists():
        return sweep_words(folder, others)
    without = [*(word for word in others if is_for_hydra(word)), *(["-m"] if multirun else [])]
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


def resume_run(folder: Path, words: list[str], train: Train) -> None:
    config = stored_config(folder)
    earlier = stored_words(folder)
    status = stored_status(folder)
    budget = config.get("images")
    merged = merged_words(earlier, words)
    if words:
        change(config, earlier, merged)
    if type(config.images) is not int:
        raise ValueError(f"images={config.images} should be a whole number")
    if status.get("state") == "finished" and is_spent(config.images, status.get("images_seen")):
        print(f"{shown(folder)} is complete: {budget:,} images were asked for. Go on with a larger images=")
        return
    number = status.get("number", 0)
    perform(Job(folder, merged, number if isinstance(number, int) else 0, resumed=True), config, train)


def sweep_words(folder: Path, words: list[str]) -> list[str]:
    """The sweep's own words, which cannot be changed, in its own folder."""
    refuse_links(folder)
    try:
        stored = json.loads((folder / SWEEP_FILE).read_text(encoding="utf-8"))["words"]
        safe = [word for word in stored if not is_for_hydra(word) or LAUNCHING.fullmatch(word)]
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ValueError(f"{folder / SWEEP_FILE} does not say how the sweep was started") from error
    outside = [word for word in stored if PLACING.match(word) or (word in safe and leads_outside(word))]
    untyped = [word for word in outside if word not in words]
    if untyped:
        raise ValueError(
            f"{folder / SWEEP_FILE} asks for something outside: if that was you, type {in_shell(untyped[0])} again"
        )
    new = [word for word in words if word not in stored and not word.startswith(("paths.outputs=", "hydra"))]
    if new:
        raise ValueError(f"a sweep goes on as it was started: leave out {' '.join(new)}")
    launching = [word for word in words if word.startswith("hydra") and word not in safe]
    elsewhere = [word for word in launching if word.startswith(("hydra.run", "hydra.sweep.")) and word not in outside]
    if elsewhere:
        raise ValueError(f"a sweep goes on in its own folder: leave out {' '.join(elsewhere)}")
    return [*safe, *launching, f"hydra.sweep.dir={quoted(folder)}", f"resume={quoted(folder)}"]


def merged_words(earlier: list[str], words: list[str]) -> list[str]:
    """Later words replace earlier ones about the same key."""
    said = {parse(word).key_or_group for word in words}
    return [*(word for word in earlier if parse(word).key_or_group not in said), *words]


def change(config: DictConfig, earlier: list[str], merged: list[str]) -> None:
    """Apply to `config` what the new words change; ValueError shows every change that would make it another run."""
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


def composed(words: list[str]) -> DictConfig:
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return compose("train", words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(f"the run's own words do not fit conf/ any more: {str(error).splitlines()[0]}") from error
