"""Lightning checkpoints that appear whole or not at all, and finding the newest one that is whole."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_origin, get_type_hints

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ganforge.artifacts.files import flush_folder, replace, replacing
from ganforge.interfaces import Progress

NEWEST_FIRST = ("next", "last", "previous")
REQUIRED = {
    "state_dict": dict,
    "hyper_parameters": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "loops": dict,
    "callbacks": dict,
    "progress": dict,
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, flushes to disk, then renames; Lightning's own way crosses file systems.

    Serialised in memory first, so that a full disk is an OSError and not one of PyTorch's writer.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with replacing(Path(path)) as file:
            file.write(buffer.getbuffer())


class Checkpoint(NamedTuple):
    path: Path
    state: dict[str, Any]

    @property
    def images_seen(self) -> int:
        return self.state["progress"]["images_seen"]

    @property
    def rewrite_from(self) -> int:
        """The moment from which on records and curves are written again by a run that starts here."""
        return self.images_seen + self.state["progress"]["callbacks_done"]


def rotate(folder: Path) -> None:
    """`next.ckpt` becomes `last.ckpt`, and that `previous.ckpt`; two whole ones are there throughout."""
    last = folder / "last.ckpt"
    if last.exists():
        replace(last, folder / "previous.ckpt")
    replace(folder / "next.ckpt", last)
    flush_folder(folder)


def newest(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, None where none was written; damaged newer ones are named to `warn`.

    ValueError if there are some and all are damaged.
    """
    damaged: list[str] = []
    for path in (folder / f"{name}.ckpt" for name in NEWEST_FIRST):
        if path.exists():
            try:
                found = Checkpoint(path, load_whole(path))
            except ValueError as error:
                damaged.append(str(error))
                continue
            for message in damaged:
                warn(message)
            return found
    if damaged:
        raise ValueError(f"no checkpoint in {folder} can be read: {damaged[0]}")
    return None


def lacking(state: Any, required: dict[str, Any]) -> list[str]:
    """The keys that `state` lacks, or that are not of their type."""
    kinds = {key: get_origin(hint) or hint for key, hint in required.items()}
    return [key for key, kind in kinds.items() if not isinstance(state, dict) or not isinstance(state.get(key), kind)]


def load_whole(path: Path) -> dict[str, Any]:
    """The checkpoint, on the CPU, with every checksum verified and nothing but plain data unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
            if compressed or archive.testzip() is not None:
                raise ValueError("its checksums are wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: it holds more than plain data") from error
    except Exception as error:  # zipfile and torch.load raise nearly anything for bytes that were tampered with
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise ValueError(f"{path} is damaged: {reason}") from error
    wrong = lacking(state, REQUIRED) or lacking(state["progress"], get_type_hints(Progress))
    if wrong:
        raise ValueError(f"{path} is not a checkpoint of ganforge: it has no {wrong[0]}")
    return state
