"""All pairs of two sets of features, tile by tile in float64: neither a copy of a set nor a matrix of all pairs."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

TILE = 384
"""Rows and columns of a tile at most, so that its numbers stay in a processor's cache."""


class Tile(NamedTuple):
    """Rows i and columns j of the matrix of all pairs, with x_i (n, D) and y_j (m, D) in float64."""

    rows: slice
    columns: slice
    x: Tensor
    y: Tensor


def pairs(x: Tensor, y: Tensor) -> Iterator[Tile]:
    """Every pair of x (N, D) and y (M, D)."""
    for rows in parts(len(x)):
        block = x[rows].double()
        for columns in parts(len(y)):
            yield Tile(rows, columns, block, y[columns].double())


def pairs_within(x: Tensor) -> Iterator[Tile]:
    """The tiles of x with itself on the diagonal and above; those below are their mirror images."""
    for index, rows in enumerate(parts(len(x))):
        block = x[rows].double()
        for columns in parts(len(x))[index:]:
            yield Tile(rows, columns, block, x[columns].double())


def parts(count: int) -> list[slice]:
    """Nearly equal parts of `count` rows: products round alike where shapes are alike, also with x and y exchanged."""
    size = -(-count // -(-count // TILE))
    return [slice(start, start + size) for start in range(0, count, size)]
