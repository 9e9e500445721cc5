"""A folder to write to: claimed by one process, which later removes no more than it made."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path


@dataclass
class Claim:
    """`made` are the folders that this process made for it, the outermost first; `was_empty` says what it found."""

    folder: Path
    made: list[Path] = field(default_factory=list)
    was_empty: bool = True

    def withdraw(self) -> None:
        """Remove all that came into an empty folder, and what was made for it; nothing if there are checkpoints.

        What cannot be removed stays, without an error: the caller has one of its own to report.
        """
        if not self.was_empty or any(self.folder.glob("**/*.ckpt")):
            return
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            self.remove_made()

    def remove_made(self) -> None:
        for folder in reversed(self.made):
            folder.rmdir()


def claimed(wanted: Path, may_rename: bool) -> Claim:
    """Make `wanted` exclusively, also against a process that starts at the same moment.

    Where it is there already, `wanted_2`, `wanted_3` ... are tried if the name may change.
    """
    claim = Claim(wanted)
    try:
        for parent in reversed(wanted.parents):
            if not parent.exists():
                make(parent, claim)
        while not make(claim.folder, claim):
            if not may_rename:
                claim.was_empty = wanted.is_dir() and not any(wanted.iterdir())
                break
            claim.folder = next_name(wanted)
    except OSError:
        with suppress(OSError):
            claim.remove_made()
        raise
    return claim


def next_name(wanted: Path) -> Path:
    names = (wanted.with_name(f"{wanted.name}_{number}") for number in count(2))
    return next(name for name in names if not name.exists())


def make(folder: Path, claim: Claim) -> bool:
    """Whether this process is the one that made the folder."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    claim.made.append(folder)
    return True
