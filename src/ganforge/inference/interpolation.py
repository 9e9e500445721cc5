"""Ways between latents."""

from collections.abc import Callable

import torch
from torch import Tensor


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points (S, dim) at the shares (S,) of the arc between two latents (dim,) (White 2016, arXiv:1609.04468).

    Normal latents lie near a sphere, which a straight line would leave for a middle that no generator was trained on.
    Latents on one line through the origin span no arc: the way between them is straight.
    """
    start, end, share = start.double(), end.double(), share.double()[:, None]
    angle = torch.cosine_similarity(start, end, dim=0).clamp(-1, 1).acos()
    if angle.sin() < 1e-6:
        points = (1 - share) * start + share * end
    else:
        points = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / angle.sin()
    return points.float()


def straight(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points (S, dim) at the shares (S,) of the line between two points (dim,)."""
    return torch.lerp(start, end, share[:, None])


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"sphere": slerp, "straight": straight}


def loop(points: Tensor, steps: int, way: str = "sphere") -> Tensor:
    """Points (N * steps, dim) on the way from each of (N, dim) to the next, and from the last back to the first."""
    share = torch.arange(steps) / steps
    return torch.cat([WAYS[way](start, end, share) for start, end in zip(points, points.roll(-1, 0), strict=True)])
