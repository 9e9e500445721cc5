"""Who made a folder, and what may be removed of it."""

from pathlib import Path

import pytest

from ganforge.launch.claim import claimed


def test_two_processes_never_get_the_same_free_name(tmp_path: Path) -> None:
    claims = [claimed(tmp_path / "deep" / "run", may_rename=True) for _ in range(3)]
    assert [claim.folder.name for claim in claims] == ["run", "run_2", "run_3"]
    assert all(claim.was_empty for claim in claims)


def test_a_name_that_was_typed_is_kept_and_said_to_be_in_use(tmp_path: Path) -> None:
    assert claimed(tmp_path, may_rename=False).was_empty
    (tmp_path / "thesis.txt").touch()
    claim = claimed(tmp_path, may_rename=False)
    assert (claim.folder, claim.made, claim.was_empty) == (tmp_path, [], False)
    claim.withdraw()
    assert (tmp_path / "thesis.txt").exists()


def test_only_what_was_made_is_removed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    inside, new = claimed(tmp_path / "there", False), claimed(tmp_path / "a" / "b", False)
    for claim in (inside, new):
        (claim.folder / ".hydra").mkdir()
        (claim.folder / ".hydra" / "config.yaml").touch()
        claim.withdraw()
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_folder_that_others_use_as_well_stays(tmp_path: Path) -> None:
    one, two = (claimed(tmp_path / "outputs" / name, False) for name in ("one", "two"))
    one.withdraw()
    assert two.folder.exists()


def test_checkpoints_are_never_removed(tmp_path: Path) -> None:
    claim = claimed(tmp_path / "run", False)
    (claim.folder / "checkpoints").mkdir()
    (claim.folder / "checkpoints" / "last.ckpt").touch()
    claim.withdraw()
    assert (claim.folder / "checkpoints" / "last.ckpt").exists()


def test_what_cannot_be_removed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(folder: Path) -> None:
        raise OSError(16, "Device or resource busy", str(folder))

    claim = claimed(tmp_path / "run", False)
    monkeypatch.setattr(Path, "rmdir", busy)
    claim.withdraw()
    assert claim.folder.exists()


def test_a_folder_that_cannot_be_made_leaves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def mkdir(folder: Path) -> None:
        if folder.name == "run":
            raise OSError(28, "No space left on device", str(folder))
        make(folder)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(OSError, match="No space left"):
        claimed(tmp_path / "outputs" / "train" / "run", True)
    assert list(tmp_path.iterdir()) == []
