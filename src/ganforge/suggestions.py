"""What someone may have meant."""

import difflib


def suggestion(word: str, known: list[str]) -> str:
    """'. Did you mean ...?' with the nearest known word or dotted path, or nothing where none is near.

    Of a path the last part counts by itself too, as paths with the same beginning are always near.
    """
    last = last_part(word)
    near = [
        path
        for path in difflib.get_close_matches(word, known, n=5, cutoff=0.6)
        if difflib.get_close_matches(last, [last_part(path)])
    ]
    near = near or [path for path in known if last_part(path) == last]
    return f". Did you mean {near[0]}?" if near else ""


def last_part(path: str) -> str:
    return path.rpartition(".")[2]
