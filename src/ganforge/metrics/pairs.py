"""All pairs of two sets of features, tile by tile in float64: neither a copy of a set nor a matrix of all pairs."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

TILE = 384


class Tile(NamedTuple):
    """Rows i and columns j of the matrix of all pairs, with x_i (n, D) and y_j (m, D) in float64."""

    rows: slice
    columns: slice
    x: Tensor
    y: Tensor


def pairs(x: Tensor, y: Tensor) -> Iterator[Tile]:
    """Every pair of x (N, D) and y (M, D); a tile of distances stays in a processor's cache."""
    for row in range(0, len(x), TILE):
        yield from _tiles_of_a_row(x, y, row, 0)


def pairs_within(x: Tensor) -> Iterator[Tile]:
    """The tiles of x with itself on the diagonal and above; those below are their mirror images."""
    for row in range(0, len(x), TILE):
        yield from _tiles_of_a_row(x, x, row, row)


def _tiles_of_a_row(x: Tensor, y: Tensor, row: int, first: int) -> Iterator[Tile]:
    rows = slice(row, row + TILE)
    left = x[rows].double()
    for column in range(first, len(y), TILE):
        columns = slice(column, column + TILE)
        yield Tile(rows, columns, left, y[columns].double())
