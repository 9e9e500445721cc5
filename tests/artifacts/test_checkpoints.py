"""Which checkpoint is the newest whole one, and what makes a file none."""

import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from ganforge.artifacts.checkpoints import REQUIRED, AtomicCheckpointIO, Checkpoint, load_whole, newest, rotate
from ganforge.interfaces import Progress


def state(images: int = 0, **changes: Any) -> dict[str, Any]:
    """The least that a checkpoint holds."""
    return {key: kind() for key, kind in REQUIRED.items()} | {"progress": asdict(Progress(images))} | changes


def written(path: Path, content: Any) -> Path:
    AtomicCheckpointIO().save_checkpoint(content, path)
    return path


def never(message: str) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize(("done", "first"), [(True, 65), (False, 64)])
def test_a_resumed_run_writes_a_moment_again_only_if_something_was_still_due_then(done: bool, first: int) -> None:
    progress = asdict(Progress(64, callbacks_done=done))
    assert Checkpoint(Path("last.ckpt"), {"progress": progress}).rewrite_from == first


def test_the_newest_moves_up_and_two_are_kept(tmp_path: Path) -> None:
    assert newest(tmp_path, never) is None
    for images in (8, 16, 24):
        written(tmp_path / "next.ckpt", state(images))
        assert newest(tmp_path, never).images_seen == images
        rotate(tmp_path)
        assert newest(tmp_path, never).images_seen == images
    assert {path.name: load_whole(path)["progress"]["images_seen"] for path in tmp_path.iterdir()} == {
        "last.ckpt": 24,
        "previous.ckpt": 16,
    }


def test_damaged_ones_are_named_and_the_next_older_one_is_taken(tmp_path: Path) -> None:
    warnings: list[str] = []
    written(tmp_path / "previous.ckpt", state(8))
    for name in ("next", "last"):
        (tmp_path / f"{name}.ckpt").write_bytes(b"half")
    assert newest(tmp_path, warnings.append).path.name == "previous.ckpt"
    assert [Path(message.split(" is damaged: ")[0]).name for message in warnings] == ["next.ckpt", "last.ckpt"]
    (tmp_path / "previous.ckpt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no checkpoint in .* can be read: .*next\.ckpt is damaged"):
        newest(tmp_path, warnings.append)


def test_a_changed_bit_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "last.ckpt", state(scores={"a": torch.full((50,), 1.5)}))
    content = path.read_bytes()
    number = torch.full((2,), 1.5).numpy().tobytes()
    path.write_bytes(content.replace(number, bytes([number[0] ^ 1]) + number[1:], 1))
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged: its checksums are wrong"):
        load_whole(path)


def test_a_compressed_archive_is_refused_unread(tmp_path: Path) -> None:
    """It could unpack to any size."""
    path = written(tmp_path / "last.ckpt", state())
    with (
        zipfile.ZipFile(path) as stored,
        zipfile.ZipFile(tmp_path / "packed.ckpt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(ValueError, match=r"packed\.ckpt is damaged"):
        load_whole(tmp_path / "packed.ckpt")


def test_more_than_plain_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"last\.ckpt is refused: it holds more than plain data"):
        load_whole(written(tmp_path / "last.ckpt", state(scores={"a": Path("x")})))


@pytest.mark.parametrize("key", REQUIRED)
def test_what_lacks_something_is_no_checkpoint(tmp_path: Path, key: str) -> None:
    for content in ({k: v for k, v in state().items() if k != key}, state(**{key: None})):
        with pytest.raises(ValueError, match=f"is not a checkpoint of ganforge: it has no {key}"):
            load_whole(written(tmp_path / "last.ckpt", content))
    with pytest.raises(ValueError, match="is not a checkpoint of ganforge"):
        load_whole(written(tmp_path / "last.ckpt", [key]))
