"""What a command was asked for, as an object of the right types."""

from dataclasses import fields
from typing import Any, TypeVar, get_args

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ValidationError

from ganforge.pretrained import Direction

R = TypeVar("R")


def typed(config: DictConfig, kind: type[R], **replaced: Any) -> R:
    """The fields of the dataclass `kind` from a configuration; ValueError names a key whose value makes no sense."""
    values = OmegaConf.masked_copy(config, [field.name for field in fields(kind)])  # type: ignore[arg-type]
    values.update(replaced)
    try:
        request = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), values))
    except ValidationError as error:
        raise ValueError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    assert isinstance(request, kind)
    return request


def refuse_unclear_network(run: str | None, weights: str | None, kind: str = "network") -> None:
    """ValueError where neither or both of them are named."""
    if (run is None) == (weights is None):
        raise ValueError(f"say which {kind}: run=<a run folder>, or weights=<a .safetensors file>")


def checked_direction(value: Any) -> Direction | None:
    """What `direction=` says; ValueError where it is none."""
    known: tuple[Direction, ...] = get_args(Direction)
    if value is not None and value not in known:
        raise ValueError(f"direction={value} should be {' or '.join(known)}")
    return value
