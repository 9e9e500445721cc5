"""What the C library does with the large buffers that every turn allocates and frees anew."""

import ctypes
import platform
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = 32 * 2**20
"""Bytes; the largest threshold that glibc accepts."""


def keep_freed_memory() -> None:
    """Ask glibc, where it is in use, to keep freed buffers for the next turn.

    By default each of more than 128 KiB is returned to the system and cleared page by page when it is next needed.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    with suppress(AttributeError, TypeError, OSError):  # a Python that does not show its C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
