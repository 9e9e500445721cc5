"""Files whose bytes were changed at random: a sentence, or what was in them, and nothing else."""

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

from ganforge.artifacts.checkpoints import load_whole
from ganforge.artifacts.images import read_image
from ganforge.artifacts.records import read_lines
from ganforge.configuration.build import build
from ganforge.launch.stored import stored_config, stored_overrides, stored_status

from ..conftest import TINY
from ..end_to_end.runs import train, unequal

FORMATS = ("png", "jpeg", "gif", "webp", "bmp", "tiff")
TEXTS: dict[str, Callable[[Path], object]] = {
    ".hydra/config.yaml": stored_config,
    ".hydra/overrides.yaml": stored_overrides,
    "status.json": stored_status,
    "metrics.jsonl": lambda folder: read_lines(folder / "metrics.jsonl"),
}


def mutated(content: bytes, luck: random.Random) -> bytes:
    """A flip, a cut, a hole of zeros, a swap of blocks, something in between, or a changed end (a zip's directory)."""
    data, place = bytearray(content), luck.randrange(len(content))
    length = luck.randint(1, max(1, len(content) // 8))
    match luck.randrange(6):
        case 0:
            data[place] ^= 1 << luck.randrange(8)
        case 1:
            del data[place:]
        case 2:
            data[place : place + length] = bytes(len(data[place : place + length]))
        case 3:
            data = data[place : place + length] + data[:place] + data[place + length :]
        case 4:
            data[place:place] = luck.randbytes(length)
        case 5:
            data[-luck.randint(1, min(400, len(data)))] = luck.randrange(256)
    return bytes(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few rounds."""
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    words = [*TINY["mlp"], "images=128", "metrics.images=20", "metrics.extractor.epochs=1", "data.image_size=16"]
    code, _, errors = train(folder, *words)
    assert code == 0, errors
    return folder


@pytest.mark.parametrize("seed", range(10))
def test_a_changed_checkpoint_is_named_or_what_it_was(run: Path, tmp_path: Path, seed: int) -> None:
    original = run / "checkpoints" / "last.ckpt"
    expected, changed, luck = load_whole(original), tmp_path / "last.ckpt", random.Random(seed)
    for _ in range(12):
        changed.write_bytes(mutated(original.read_bytes(), luck))
        try:
            found = load_whole(changed)
        except ValueError as error:
            assert "last.ckpt" in str(error)
            assert "\n" not in str(error)
        else:
            assert list(unequal("", expected, found)) == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_changed_picture_is_named_or_read(tmp_path: Path, format: str) -> None:
    luck, buffer, file = random.Random(format), io.BytesIO(), tmp_path / f"picture.{format}"
    Image.frombytes("RGB", (24, 16), luck.randbytes(24 * 16 * 3)).save(buffer, format)
    for _ in range(20):
        file.write_bytes(mutated(buffer.getvalue(), luck))
        try:
            assert read_image(file, (3, 8, 8)).shape == (3, 8, 8)
        except ValueError as error:
            assert file.name in str(error)


@pytest.mark.parametrize("name", TEXTS)
def test_a_changed_text_is_refused_in_a_line_or_read(run: Path, tmp_path: Path, name: str) -> None:
    luck, folder = random.Random(name), tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    for _ in range(40):
        (folder / name).write_bytes(mutated((run / name).read_bytes(), luck))
        try:
            TEXTS[name](folder)
        except ValueError as error:
            assert str(error) and "\n" not in str(error)


@pytest.mark.slow
def test_a_changed_configuration_is_refused_or_built(run: Path, tmp_path: Path) -> None:
    """What can be read goes on to what builds an experiment of it."""
    luck, folder, built = random.Random(0), tmp_path / "run", 0
    shutil.copytree(run, folder)
    for _ in range(60):
        (folder / ".hydra" / "config.yaml").write_bytes(mutated((run / ".hydra" / "config.yaml").read_bytes(), luck))
        try:
            config = stored_config(folder)
            config.paths.run = str(folder)
            build(config)
            built += 1
        except (ValueError, OmegaConfBaseException) as error:
            assert str(error)
    assert built < 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_resuming_what_was_changed_ends_well_or_in_a_line(run: Path, tmp_path: Path, seed: int) -> None:
    luck, folder = random.Random(seed), tmp_path / "run"
    shutil.copytree(run, folder)
    for name in luck.sample(["checkpoints/last.ckpt", "status.json", "metrics.jsonl", ".hydra/config.yaml"], 2):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(mutated(content, luck))
    code, _, errors = train(folder, f"resume={folder}", "images=256", timeout=60)
    assert code in (0, 2)
    assert "Traceback" not in errors
    assert len([line for line in errors.splitlines() if not line.startswith("warning: ")]) == (code == 2)
