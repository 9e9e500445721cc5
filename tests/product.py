"""The product of what can be chosen: all of it, and a part in which every two choices meet.

`python -m tests.product` trains two rounds of every cell of the whole product, and says which fail; the tests train
those of `pairwise`.
"""

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from ganforge.configuration.build import build

from .conftest import ADVERSARIAL, LOSSES, OWN_LOSS, ROOT, TINY, composed_below

Cell = dict[str, Any]
NOISE_TO_IMAGE = (
    "acgan", "dcgan", "infogan", "mlp", "sngan", "sngan_cnn", "r3gan", "progan", "stylegan2", "sagan", "biggan",
)  # fmt: skip
FACTORS: dict[str, Sequence[Any]] = {
    "model": list(TINY),
    "loss": LOSSES,
    "shape": [(16, 16, 3), (28, 28, 1), (32, 32, 3), (64, 64, 1)],
    "system": ["gan", "one_stage", "progressive", "semi_supervised"],
    "condition": sorted(path.stem for path in (ROOT / "conf" / "condition").glob("*.yaml")),
    "augment": sorted(path.stem for path in (ROOT / "conf" / "augment").glob("*.yaml")),
    "fakes": ["shared", "fresh"],
}
UNSIGNED = ("lsgan", "relativistic", "relativistic_average", "wgan", "wgan_gp")
"""Losses to whose logits ADA cannot adapt."""
QUICK = [
    "metrics=none", "logger=none", "data.batch_size=4", "images=1", "evaluate_every=1000", "callbacks.samples.count=4",
]  # fmt: skip


def is_played(cell: Cell) -> bool:
    """Whether these choices go together; those that have no meaning for a model stay at their first value."""
    if cell["loss"] not in ([OWN_LOSS[cell["model"]]] if cell["model"] in OWN_LOSS else ADVERSARIAL):
        return False
    if (cell["system"] == "semi_supervised") != (cell["condition"] == "classes"):
        return False
    if cell["system"] == "one_stage" and (cell["loss"] == "hinge" or cell["fakes"] == "fresh"):
        return False
    if cell["system"] == "one_stage" and cell["condition"] in ("auxiliary", "codes"):
        return False
    if cell["system"] == "progressive" and cell["model"] != "progan":
        return False
    if cell["system"] == "one_stage" and cell["model"] in ("progan", "stylegan2"):  # images compared with one another
        return False
    if cell["model"] == "improved_gan_conv" and cell["shape"][0] % 8:
        return False
    if cell["model"] not in NOISE_TO_IMAGE:
        plain = cell["system"] == "gan" and cell["condition"] == "none"
        augmented = cell["augment"] == "none" or cell["model"] == "stargan"
        drawn_afresh = ("pix2pix", "srgan", "esrgan", "bigan", "improved_gan", "stargan")
        return plain and augmented and (cell["fakes"] == "shared" or cell["model"] in drawn_afresh)
    return True


def cells(factors: Mapping[str, Sequence[Any]] = FACTORS) -> Iterator[Cell]:
    """The whole product."""
    for values in itertools.product(*factors.values()):
        cell = dict(zip(factors, values, strict=True))
        if is_played(cell):
            yield cell


def pairs_of(cell: Cell) -> set[tuple[Any, ...]]:
    return set(itertools.combinations(cell.items(), 2))


def pairwise() -> list[Cell]:
    """Cells in which every two values meet that meet anywhere in the product: greedily, the most new pairs first."""
    bits: dict[tuple[Any, ...], int] = {}
    left = [(sum(bits.setdefault(pair, 1 << len(bits)) for pair in pairs_of(cell)), cell) for cell in cells()]
    missing = (1 << len(bits)) - 1
    chosen = []
    while missing:
        pairs, cell = max(left, key=lambda one: (one[0] & missing).bit_count())
        chosen.append(cell)
        missing &= ~pairs
        left = [one for one in left if one[0] & missing]
    return chosen


def words(cell: Cell, archive: Path) -> list[str]:
    """The command line of a cell with `archive`, which is written for it, as its data."""
    images = np.random.default_rng(0).integers(0, 256, (24, *cell["shape"]), dtype=np.uint8)
    np.savez(archive, images=images, labels=np.arange(24) % 3)
    chosen = [*TINY[cell["model"]], f"loss={cell['loss']}", "data=arrays", f"data.path={archive}", *QUICK]
    if cell["model"] in NOISE_TO_IMAGE:
        chosen += [f"system={cell['system']}", f"condition={cell['condition']}", f"augment={cell['augment']}"]
    if cell["model"] == "stargan":
        chosen.append(f"augment={cell['augment']}")
    if cell["system"] == "one_stage":
        chosen.append("normalization.discriminator=layer")
    if cell["system"] == "progressive":
        chosen += ["system.growth.stable=3", "system.growth.fade=5"]
    if cell["condition"] == "codes":
        chosen.append("model.latent.dim=16")
    if cell["fakes"] == "fresh":
        chosen.append("system.fakes=fresh")
    if cell["augment"] == "ada":
        chosen += ["augment.p=0.5", "augment.groups=[blit,geom,color,filter,noise,cutout]"]
        chosen += ["augment.target=null"] if cell["loss"] in UNSIGNED else []
    if cell["model"] == "cyclegan" and cell["shape"][2] == 3:
        chosen.append("system.identity=0")
    return chosen


def name_of(cell: Cell) -> str:
    return "-".join("x".join(map(str, value)) if isinstance(value, tuple) else value for value in cell.values())


def two_rounds(cell: Cell, archive: Path, composed: Callable[..., DictConfig]) -> set[str]:
    """Train, and return the names of the parameters that moved, some of each player's."""
    turns = composed(f"loss={cell['loss']}").loss.get("n_critic", 1)
    return trained(composed(*words(cell, archive), f"images={2 * 4 * turns}"))


def trained(config: DictConfig) -> set[str]:
    """The names of the parameters that moved, some of each player's."""
    experiment = build(config)
    before = {name: value.clone() for name, value in experiment.system.named_parameters()}
    experiment.fit()
    for name, value in experiment.system.named_parameters():
        assert value.isfinite().all(), name
    moved = {name for name, value in experiment.system.named_parameters() if not value.equal(before[name])}
    for player in experiment.system.players:
        assert any(name.startswith(f"{player}.") for name in moved), f"the {player} did not move"
    return moved


def main() -> None:
    whole, failed = list(cells()), 0
    for cell in whole:
        with tempfile.TemporaryDirectory() as folder:
            try:
                two_rounds(cell, Path(folder) / "images.npz", composed_below(Path(folder)))
            except Exception as error:  # whatever it is, the others are to be tried as well
                failed += 1
                print(f"{name_of(cell)}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(whole)} cells, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
