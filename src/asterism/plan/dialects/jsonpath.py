"""Paths into JSON: DuckDB's, read here rather than by sqlglot, which takes `'a.b'` for two keys where it is one."""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.errors import UnsupportedError

_STEP = re.compile(r'\.(?:"(?P<quoted>[^"]+)"|(?P<key>[^.\["*][^.\[]*))|\[(?:#(?=-))?(?P<place>-?\d+)\]')


def steps(path: exp.Expr) -> list[str | int] | None:
    """The keys and places of a path that is written out, of the whole none; None of one that is computed.

    A place below zero counts from the end. Raises UnsupportedError for one that answers a list, or that is no path.
    https://duckdb.org/docs/current/data/json/json_functions
    """
    if isinstance(path, exp.Neg) and isinstance(path.this, exp.Literal):
        return [-int(path.this.name)]
    if not isinstance(path, exp.Literal):
        return None
    text = path.name
    if not path.is_string:
        return [int(text)]
    if text.startswith("/"):
        return [_pointed(each) for each in text[1:].split("/")]
    if not text.startswith("$") and text != "*":
        return [text] if text else []
    found: list[str | int] = []
    at = 0 if text == "*" else 1
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise UnsupportedError(f"the path {text!r} into JSON is not one of keys and places")
        found.append(int(step["place"]) if step["place"] else step["quoted"] or step["key"])
        at = step.end()
    return found


def _pointed(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")
