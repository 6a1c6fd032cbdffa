"""Formats of dates: `strftime` and `strptime` by the elements that a dialect has, or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp
from sqlglot.errors import UnsupportedError

_ELEMENT = re.compile(r"%(?P<element>-?[A-Za-z%])|(?P<text>[^%]+)|%")
_SHORT = {"c": "%Y-%m-%d %H:%M:%S", "x": "%Y-%m-%d", "X": "%H:%M:%S", "T": "%H:%M:%S", "h": "%b"}
_YEARS = {"Y", "y", "G"}


def elements(form: exp.Expr | None) -> Iterator[tuple[str, str]]:
    """Each part of a format: an element and nothing, or nothing and a text. Raises UnsupportedError."""
    if not isinstance(form, exp.Literal):
        raise UnsupportedError("a format of dates must be written out")
    written = re.sub(r"%([cxXTh])", lambda found: _SHORT[found[1]], form.name)
    for found in _ELEMENT.finditer(written):
        element, text = found["element"], found["text"]
        if element == "%":
            element, text = None, "%"
        if not element and not text:
            raise _unknown(form)
        yield element or "", text or ""


def pieces(
    form: exp.Expr | None,
    spelled: Mapping[str, str],
    made: Mapping[str, str],
    formatted: Callable[[str], str],
    plain: Callable[[str], str | None],
    write: Callable[[exp.Expr], str] = str,
) -> list[str]:
    """What `strftime` puts together: `formatted` makes SQL of a format, `made` are the elements with SQL of their own.

    `plain` spells a text within a format, or says by None that it stands beside it, as `write` makes it.
    """
    found: list[str] = []
    run = ""

    def close() -> None:
        nonlocal run
        if run:
            found.append(formatted(run))
        run = ""

    for element, text in elements(form):
        said = spelled.get(element) if element else plain(text)
        if element and said is None and element not in made:
            raise _unknown(form)
        if said is None:
            close()
            found.append(made[element] if element else write(exp.Literal.string(text)))
            continue
        if run and element and run[-1] == said[0] and run[-1].isalpha():
            close()  # `DDD` and `DD` would run together
        run += said
    close()
    return found or ["''"]


def parsed(form: exp.Expr | None, spelled: Mapping[str, str], plain: Callable[[str], str | None]) -> str:
    """The format that `strptime` reads by. A year is asked for: each dialect has another where none is said."""
    found, named = "", set()
    for each, text in elements(form):
        element = each.removeprefix("-")
        if element == "f" and found.endswith(f"{spelled['S']}."):
            found = found.removesuffix(f"{spelled['S']}.") + spelled["S.f"]
            continue
        said = (None if element == "f" else spelled.get(element)) if element else plain(text)
        if said is None:
            raise _unknown(form)
        named.add(element)
        found += said
    if not named & _YEARS:
        raise UnsupportedError("a date is not read without its year: it would be another one")
    return found


def _unknown(form: exp.Expr | None) -> UnsupportedError:
    return UnsupportedError(f"the format {form.name if form is not None else ''!r} is not known there")
