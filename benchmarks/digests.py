"""A digest of both players' weights after 50 turns of each, for every adversarial loss.

It is equal before and after a change of speed.

usage: python benchmarks/digests.py [WORD ...] > before.txt

Words are overrides of `python src/train.py` for all of them. The digests hold on one machine, with one version of
torch: write them down, change the code, compare.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from ganforge.configuration.build import build
from ganforge.process.quiet import quiet

ROOT = Path(__file__).resolve().parents[1]
LOSSES = [file.stem for file in sorted(ROOT.glob("conf/loss/*.yaml")) if "\nadversarial:" in file.read_text()]
CASES = [
    *(f"model=dcgan model.generator.width=16 loss={loss}" for loss in LOSSES),
    "model=mlp loss=hinge data.flip=true",
    "model=dcgan model.generator.width=16 loss=hinge condition=projection",
    "model=dcgan model.generator.width=16 loss=r1 trainer.precision=bf16-mixed",
    "model=dcgan model.generator.width=16 loss=r1 training.accumulate_grad_batches=2 training.gradient_clip_val=1.0",
    "model=mlp loss=wgan_gp data=mixture2d",
]  # fmt: skip
TURNS = 50


def digest(words: list[str], folder: Path) -> str:
    """SHA-256 of the weights and both optimizers' states."""
    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["metrics=none", "logger=none", "callbacks.progress.show=false", *words])
    turns = TURNS * config.loss.n_critic * config.training.accumulate_grad_batches
    config.images = turns * config.data.batch_size
    config.paths.run, config.paths.outputs = str(folder / "run"), str(folder)
    run = build(config)
    run.fit()
    state = hashlib.sha256()
    for tensor in tensors([run.system.state_dict(), *(o.state_dict() for o in run.system.optimizers())]):
        state.update(tensor.detach().contiguous().numpy().tobytes())
    return state.hexdigest()[:16]


def tensors(tree: Any) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    branches = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    return [leaf for branch in branches for leaf in tensors(branch)]


def main() -> None:
    quiet()
    torch.set_num_threads(1)
    for case in CASES:
        with tempfile.TemporaryDirectory() as home:
            print(digest([*case.split(), *sys.argv[1:]], Path(home)), case, flush=True)


if __name__ == "__main__":
    main()
