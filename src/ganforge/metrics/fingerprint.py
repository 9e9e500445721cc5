"""Short content hashes, for caches and stamps."""

import hashlib

import numpy as np
from torch import Tensor


def fingerprint(*parts: Tensor | str | int | float) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the parts' types, shapes and values."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
            digest.update(np.ascontiguousarray(part.detach().cpu().numpy()).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:12]
