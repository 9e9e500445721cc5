"""What bites where nothing stops it: checkpoints, and nodes of a configuration."""

import copy
import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml


class Bite:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def saved(thing: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    torch.save(thing, content, **options)
    return content.getvalue()


def checkpoint_with(state: dict[str, Any], where: str, bite: Bite) -> dict[str, Any]:
    hostile = copy.copy(state)
    if where == "optimizer_states":
        hostile["optimizer_states"] = [{**state["optimizer_states"][0], "x": bite}, state["optimizer_states"][1]]
    else:
        hostile[where] = {**state[where], "x": bite}
    return hostile


def legacy_tar(bite: Bite) -> bytes:
    """What torch.save wrote before 2018."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, thing in (("sys_info", {}), ("pickle", bite), ("tensors", []), ("storages", [])):
            data = pickle.dumps(thing)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def compressed(archive: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return content.getvalue()


CHECKPOINTS: dict[str, Callable[[dict[str, Any], Bite], bytes]] = {
    "plain pickle": lambda _, bite: pickle.dumps(bite),
    "zip": lambda _, bite: saved(bite),
    "compressed zip": lambda _, bite: compressed(saved(bite)),
    "before 1.6": lambda _, bite: saved(bite, _use_new_zipfile_serialization=False),
    "before 0.1": lambda _, bite: legacy_tar(bite),
    **{
        f"in {where}": lambda state, bite, where=where: saved(checkpoint_with(state, where, bite))
        for where in ("callbacks", "optimizer_states", "state_dict", "loops", "progress")
    },
}


def with_checkpoint(run: Path, kind: str, marker: Path) -> None:
    """Leave a hostile one as the only checkpoint, under both names."""
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    hostile = CHECKPOINTS[kind](state, Bite(marker))
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    for name in ("last", "best"):
        (run / "checkpoints" / f"{name}.ckpt").write_bytes(hostile)


def armed(marker: Path) -> dict[str, dict[str, Any]]:
    """The payloads, with the files that they need."""
    traps = marker.parent / "traps"
    traps.mkdir()
    (traps / "trap.pt").write_bytes(saved(Bite(marker)))
    np.save(traps / "trap.npy", np.array([Bite(marker)]))
    (traps / "hubconf.py").write_text(f"def bite(): open({str(marker)!r}, 'w')")
    return payloads(marker)


def payloads(marker: Path) -> dict[str, dict[str, Any]]:
    """Arguments for each target, with which it makes `marker` when it is instantiated."""
    traps = marker.parent / "traps"
    touch, trap = f"touch {marker}", str(traps / "trap.pt")
    path = {"_target_": "pathlib.Path", "_args_": [str(marker)]}
    copied = {"src": trap, "dst": str(marker)}
    return {
        "os.system": {"command": touch},
        "subprocess.call": {"_args_": [["touch", str(marker)]]},
        "builtins.eval": {"_args_": [f"open({str(marker)!r}, 'w')"]},
        "pathlib.Path.touch": {"_args_": [path]},
        "pathlib.Path.write_text": {"_args_": [path, "bitten"]},
        "numpy.savetxt": {"fname": str(marker), "X": [1, 2]},
        "torch.load": {"f": trap, "weights_only": False},
        "torch.save": {"obj": 1, "f": str(marker)},
        "torch.hub.load": {"repo_or_dir": str(traps), "model": "bite", "source": "local"},
        "torch.nn.modules.module.torch.load": {"f": trap, "weights_only": False},
        "torch.optim.optimizer.torch.save": {"obj": 1, "f": str(marker)},
        "ganforge.artifacts.files.os.system": {"command": touch},
        "ganforge.data.folder.np.savetxt": {"fname": str(marker), "X": [1, 2]},
        "ganforge.data.arrays.np.load": {"file": str(traps / "trap.npy"), "allow_pickle": True},
        "ganforge.artifacts.curves.Path.touch": {"_args_": [path]},
        "lightning.pytorch.callbacks.model_checkpoint.shutil.copy": copied,
        "lightning.pytorch.callbacks.model_checkpoint.pl.callbacks.model_checkpoint.shutil.copy": copied,
        "lightning.pytorch.loggers.csv_logs.os.system": {"command": touch},
    }


def put(content: dict[str, Any], place: str, value: Any) -> None:
    *outer, last = place.split(".")
    for key in outer:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[last] = value


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def with_config(run: Path, content: dict[str, Any]) -> None:
    (run / ".hydra" / "config.yaml").write_text(yaml.dump(content, Dumper=Plain))


def config_of(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / ".hydra" / "config.yaml").read_text())


TOUCH = "{_target_: pathlib.Path.touch, _args_: [{_target_: pathlib.Path, _args_: [MARKER]}]}"
"""A mapping that bites, for where a reference makes one."""
BITING_WORD = f"optimizer.generator.betas=['${{oc.create:{TOUCH}}}',0.9]"
