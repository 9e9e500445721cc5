"""Sample grids of a run, put into a page without being decoded here."""

import base64
from dataclasses import dataclass
from pathlib import Path
from warnings import catch_warnings

from PIL import Image

from ganforge.comparison.runs import Run

BYTES, PIXELS = 16_000_000, 32_000_000
"""Limits of a picture: 64 images of 700 x 700 are 32 million pixels. A small file can claim to be far larger."""


@dataclass(frozen=True)
class Picture:
    base64: str
    width: int
    height: int


def last_grid(run: Run) -> tuple[int, Picture] | None:
    """Images seen and the grid drawn then, if there is any."""
    grids = {int(path.stem): path for path in (run.folder / "samples").glob("*.png") if path.stem.isdecimal()}
    return (max(grids), read_png(grids[max(grids)])) if grids else None


def real_grid(run: Run) -> Picture | None:
    path = run.folder / "samples" / "real.png"
    return read_png(path) if path.exists() else None


def dataset(run: Run) -> str:
    """Whose real images are shown: as the stamp has it, or the configuration of a run without scores."""
    stamps = [f"{one.stamp.get('data')}, {one.stamp.get('image_size')} pixels" for one in run.evaluations]
    settings = run.settings
    return stamps[0] if stamps else f"{settings.get('data._target_')}, {settings.get('data.image_size')} pixels"


def read_png(path: Path) -> Picture:
    """Checks kind, size and checksums from the chunks alone; ValueError names a file that is no sane PNG."""
    if path.stat().st_size > BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, more than a sample grid ever has")
    try:
        with catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as image:
            width, height = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not a readable PNG: {error}") from error
    if width * height > PIXELS:
        raise ValueError(f"{path} claims to have {width:,} x {height:,} pixels, more than a sample grid ever has")
    return Picture(base64.b64encode(path.read_bytes()).decode(), width, height)
