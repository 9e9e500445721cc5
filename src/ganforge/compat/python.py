"""Private names of CPython 3.11 to 3.13; `typing.is_protocol` is public from 3.13 on."""


def is_protocol(kind: type) -> bool:
    """Whether `issubclass` cannot tell, as nothing derives from it."""
    return getattr(kind, "_is_protocol", False)
