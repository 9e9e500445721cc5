"""How each player's turn is carried out, whatever the game."""

from dataclasses import dataclass
from typing import Literal

from ganforge.interfaces import Count


@dataclass(frozen=True)
class Training:
    """`gradient_clip_val` is the largest gradient norm of a player in a turn, None for no limit.

    Logits and gradient norms are measured in the round that passes a multiple of `measure_every` images.
    A turn averages the gradients of `accumulate_grad_batches` batches. After a divergence a run ends, or with
    `on_nan="rollback"` it goes back to its last good checkpoint.
    """

    gradient_clip_val: float | None = None
    accumulate_grad_batches: int = 1
    compile: bool = False
    measure_every: Count = 2000
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    on_nan: Literal["stop", "rollback"] = "stop"

    def __post_init__(self) -> None:
        if self.gradient_clip_val is not None and self.gradient_clip_val <= 0:
            raise ValueError(f"training.gradient_clip_val must be positive or null, got {self.gradient_clip_val}")
        if self.accumulate_grad_batches < 1:
            raise ValueError(f"training.accumulate_grad_batches must be at least 1, got {self.accumulate_grad_batches}")
