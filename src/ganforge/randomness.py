"""Seeds that are pure functions of what they are for, so that no step depends on the history of a generator."""

import hashlib

import torch


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed from e.g. (seed, rank, images seen); unequal parts give independent streams."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def derived_generator(*parts: int | str) -> torch.Generator:
    """A CPU generator at the start of the stream that `parts` name."""
    return torch.Generator().manual_seed(derived_seed(*parts))
