"""Networks that are one player."""

from typing import Any

from torch import nn


class Team(nn.ModuleDict):
    """Networks by name, such as a generator for each domain, with one optimizer."""

    def compile(self, *arguments: Any, **options: Any) -> None:
        for member in self.values():
            member.compile(*arguments, **options)
