"""Lightning checkpoints that appear whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ganforge.artifacts.files import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, flushes to disk, then renames; Lightning's own way crosses file systems.

    Serialised in memory first, so that a full disk is an OSError and not one of PyTorch's writer.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with replacing(Path(path)) as file:
            file.write(buffer.getbuffer())
