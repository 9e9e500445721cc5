"""Terms beside the adversarial ones: see `ganforge.interfaces.Regularizer`."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ganforge.interfaces import Terms, Turn


class Regularizer(nn.Module):
    """Adds nothing; a subclass has the term of one player, or of both, weighted and in float32 at least."""

    needs: frozenset[str] = frozenset()
    """As of a `FeatureExtractor`."""

    def __init__(self, weight: float, interval: int = 1) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"a regularizer's weight must not be negative, got {weight}")
        if interval < 1:
            raise ValueError(f"a regularizer's interval must be at least 1 turn, got {interval}")
        self.weight, self.interval = weight, interval

    def refuse(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Every player will do."""

    def discriminator(self, turn: Turn) -> Tensor | None:
        return None

    def generator(self, turn: Turn) -> Tensor | None:
        return None


class Regularizers(nn.ModuleDict):
    """Those of a game, by the names that the user has given them, which become the logged terms."""

    def terms(self, player: str, turn: Turn, due: Callable[[int], bool]) -> Terms:
        """The terms of a player from those with an interval that is `due`."""
        found: Terms = {}
        for name in self:
            regularizer = self.member(name)
            term = getattr(regularizer, player)(turn) if due(regularizer.interval) else None
            if term is not None:
                found[name] = regularizer.interval * term
        return found

    def intervals(self, player: str) -> set[int]:
        """Of those that have a term of the player."""
        silent = getattr(Regularizer, player)
        return {self.member(name).interval for name in self if getattr(type(self[name]), player) is not silent}

    def member(self, name: str) -> Any:
        return self[name]
