"""Run folders as training leaves them, in miniature."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ganforge.artifacts.images import save_png

STAMP = {
    "extractor": "classifier:1",
    "data": "digits:2",
    "fake_images": 10,
    "image_size": 4,
    "versions": {"torch": "2"},
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run("sweep/0", {1000: 3.0}, "loss=hinge", seed=1)`: a run whose FID after 1000 images was 3."""

    def make(
        name: str,
        scores: dict[int, float],
        *overrides: str,
        seed: int = 0,
        state: str = "finished",
        stamp: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        mode: str = "min",
    ) -> Path:
        folder = tmp_path / name
        chosen = dict(word.split("=", 1) for word in overrides)
        content = OmegaConf.create(
            {
                "seed": seed,
                "system": {"seed": "${seed}"},
                "metrics": {"monitor": "fid", "mode": mode},
                "paths": {"run": str(folder)},
                "callbacks": {"status": {"run_folder": str(folder)}},
                "game": {"_target_": f"ganforge.losses.{chosen.get('loss', 'r1')}"},
            }
        )
        for key, value in (config or {}).items():
            OmegaConf.update(content, key, value, force_add=True)
        (folder / ".hydra").mkdir(parents=True)
        OmegaConf.save(content, folder / ".hydra" / "config.yaml")
        status = {"state": state, "number": 0, "error": "", "overrides": [*overrides, f"seed={seed}"]}
        (folder / "status.json").write_text(json.dumps(status))
        lines = [
            {
                "images_seen": images,
                "scores": {"fid": score, "recall": images / 10_000},
                "real": {"scores": {"fid": 0.5, "recall": 0.9}},
                "stamp": STAMP | (stamp or {}),
            }
            for images, score in scores.items()
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        for picture in ("real", "000000000", *(f"{images:09d}" for images in scores)):
            save_png(folder / "samples" / f"{picture}.png", torch.zeros(1, 8, 8, dtype=torch.uint8))
        return folder

    return make
