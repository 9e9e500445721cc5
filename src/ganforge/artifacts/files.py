"""Writing files so that a reader never sees half of one, with a way around what a file system may lack."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from warnings import catch_warnings

UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
"""How a file system says that it does not know an operation."""
PATIENCE = 5
"""Seconds for a program that reads a file to close it: on Windows it cannot be replaced before."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when all of it is on the disk, and leaves nothing behind if it never is.

    A full disk is an OSError that names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            flush(file.fileno())
        replace(temporary, path)
        flush_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def refuse_links(folder: Path) -> None:
    """ValueError names what is neither a file nor a folder below `folder`, which may be untrusted.

    A link may lead to any file of the user, and a pipe has no end.
    """
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path} is neither a file nor a folder: put a copy there of what it leads to")


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, whatever that was."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            source.replace(target)
            return
        except PermissionError as error:
            if not hasattr(error, "winerror") or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def link(source: Path, target: Path) -> None:
    """`target` becomes a second name of the file `source`, or a copy where the file system has no such links."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except (OSError, NotImplementedError):
        with source.open("rb") as file, replacing(target) as copy:
            shutil.copyfileobj(file, copy)


def flush(descriptor: int) -> None:
    """What was written to a file survives a power cut, where the file system can promise it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def flush_folder(folder: Path) -> None:
    """The same for renames in `folder`, which Windows cannot open."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


class Taken(Exception):
    """Another process holds a lock."""


@contextmanager
def locked(path: Path, patience: float = 0) -> Iterator[None]:
    """Inside, no other process holds the lock `path`; `Taken` if one does for `patience` seconds.

    The system lifts it when a process is killed. Where the file system has no locks, a file names the process instead,
    and is worth nothing once that has ended.
    """
    with catch_warnings(action="ignore"):  # filelock warns where Python, or the file system, has no locks
        from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

        lock: BaseFileLock = FileLock(path)
        try:
            try:
                lock.acquire(patience)
            except OSError as error:
                if error.errno not in UNKNOWN:
                    raise
                lock = SoftFileLock(f"{path}.held")
                lock.acquire(patience)
        except Timeout as error:
            raise Taken(f"{path} is held by another process") from error
    try:
        yield
    finally:
        lock.release()
