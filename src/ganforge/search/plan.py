"""What a search was started with, kept in its folder so that it can go on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ganforge.artifacts.files import refuse_links
from ganforge.artifacts.records import write_json
from ganforge.launch.overrides import typed_overrides
from ganforge.launch.stored import LATEST, latest
from ganforge.search.space import refuse_bad_space, space_of

FILE = "search.json"
CHANGEABLE = ("trials", "jobs")
"""What may be changed when a search is resumed."""
LEAST = {"trials": 1, "jobs": 1, "seed": 0, "prune_after_trials": 0, "prune_after_images": 0}


@dataclass
class Plan:
    """`overrides` are those of the command line, `default_space` those of conf/search.yaml.

    `directory` is where the command line was typed.
    """

    overrides: list[str]
    default_space: list[str]
    monitor: str
    mode: str
    directory: str
    settings: dict[str, Any]

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, asdict(self))


def plan_of(config: DictConfig, overrides: list[str]) -> tuple[Path, Plan]:
    """The folder and the plan of a new search, or those of the one to resume; ValueError for what makes no sense."""
    folder, plan = resumed(config, overrides) if config.resume else started(config, overrides)
    for name, least in LEAST.items():
        value = plan.settings[name]
        if type(value) is not int or value < least:
            raise ValueError(f"search.{name}={value} should be a whole number, at least {least}")
    return folder, plan


def started(config: DictConfig, overrides: list[str]) -> tuple[Path, Plan]:
    settings: Any = OmegaConf.to_container(config.search, resolve=True)
    folder, default_space = Path(settings.pop("folder")).resolve(), settings.pop("space")
    if settings["pruner"] not in ("median", "none"):
        raise ValueError(f"search.pruner={settings['pruner']} does not exist (there are: median, none)")
    monitor, mode = refuse_bad_space(space_of(overrides, default_space))
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: choose another search.folder, or go on with resume={folder}")
    return folder, Plan(overrides, default_space, monitor, mode, str(Path.cwd()), settings)


def resumed(config: DictConfig, overrides: list[str]) -> tuple[Path, Plan]:
    folder = Path(config.resume).resolve()
    if config.resume == LATEST:
        folder = latest(Path(config.paths.outputs), "search/*")
    if not (folder / FILE).is_file():
        raise ValueError(f"{config.resume} is no folder of a search: it has no {FILE}")
    refuse_links(folder)
    try:
        plan = Plan(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        plan.settings = {name: plan.settings[name] for name in (*LEAST, "pruner")}
        if not all(isinstance(override, str) for override in [*plan.overrides, *plan.default_space]):
            raise TypeError("its overrides are no texts")
        space_of(plan.overrides, plan.default_space)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ValueError(f"{folder / FILE} is not the plan of a search: {error}") from error
    given = {override.partition("=")[0]: override for override in (*overrides, *typed_overrides(HydraConfig.get()))}
    for key, override in given.items():
        if key not in ("resume", "paths.outputs", *(f"search.{name}" for name in CHANGEABLE)):
            raise ValueError(
                f"{override}: a search goes on with its own overrides; only search.trials and search.jobs change"
            )
    plan.settings |= {name: config.search[name] for name in CHANGEABLE if f"search.{name}" in given}
    return folder, plan
