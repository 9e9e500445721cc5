"""What a process of the tests leaves out, or does once, where a run does it each time."""

import os
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import omegaconf._utils
import omegaconf.base
from hydra._internal.config_repository import ConfigRepository


def take() -> None:
    """For this process and those that it forks; nothing that is computed changes."""
    os.fsync = lambda _: None  # no test cuts the power, and a disk takes 20 ms
    omegaconf.base.parse = omegaconf._utils.parse = cache(omegaconf.base.parse)  # of the same few interpolations
    ConfigRepository.load_config = read_once(ConfigRepository.load_config)


def read_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """Files of configurations; no test changes one after it was read."""
    known: dict[tuple[str, ...], bytes] = {}

    def load_config(repository: ConfigRepository, config_path: str) -> Any:
        key = (config_path, *(source.path for source in repository.sources))
        if key not in known:
            known[key] = pickle.dumps(load(repository, config_path))
        return pickle.loads(known[key])

    return load_config
