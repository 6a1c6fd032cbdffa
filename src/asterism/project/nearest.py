"""What someone probably meant to write."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is closest to `word`, or None where none is close."""
    by_folded = {name.casefold(): name for name in names}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def suggestion(word: str, names: Iterable[str]) -> str:
    """A remedy: the nearest name, else all of them."""
    known = tuple(names)
    close = nearest(word, known)
    if close is not None:
        return f"Did you mean {close}?"
    return f"Known are {', '.join(sorted(known))}." if known else ""
