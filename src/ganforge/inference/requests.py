"""What a command was asked for, as an object of the right types."""

from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ValidationError

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
