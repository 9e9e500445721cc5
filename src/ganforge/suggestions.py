"""What someone may have meant."""

import difflib


def suggestion(word: str, known: list[str]) -> str:
    """'. Did you mean ...?' with the nearest known word or dotted path, or nothing where none is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:
        last = word.rpartition(".")[2]
        near = [path for path in known if path.rpartition(".")[2] == last][:1]
    return f". Did you mean {near[0]}?" if near else ""
