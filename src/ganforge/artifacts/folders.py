"""A folder of results that appears whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that becomes `folder` at the end, and leaves nothing behind after an error or a signal.

    `folder` may be there already if it is empty; it is then filled from a folder inside, as it may be one that cannot
    be replaced. ValueError where it is not empty.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty: choose another folder with output=")
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    place = folder.parent if absent else folder
    unfinished = place / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        if absent:
            unfinished.rename(folder)
        else:
            for path in list(unfinished.iterdir()):
                path.rename(folder / path.name)
            unfinished.rmdir()
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        with suppress(OSError):
            for path in absent[1:]:
                path.rmdir()
        raise
