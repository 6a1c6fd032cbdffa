"""Persons, found in JSON of any shape."""

import json
from collections.abc import Iterable
from typing import Any

NAMES = ("first_name", "middle_name", "last_name")
FIELDS = (*NAMES, "zip_code")
Person = dict[str, str]
"""The fields that were found."""


def persons(value: Any) -> list[Person]:
    """Everybody in `value`, in the order in which they stand there; each has one field at least.

    A list is one of persons where it is outermost, or where two or more of its items have a name; what else a list has
    belongs to the person around it. Of a field that a person has twice the first counts, depth first.
    """
    value = opened(value)
    if isinstance(value, list):
        return [person for item in value for person in persons(item)]
    return [person for person in found(value) if person]


def found(value: Any) -> list[Person]:
    """The person whose fields stand in `value`, and then those whom lists within it tell apart."""
    value = opened(value)
    if isinstance(value, dict):
        return merged(field(name, inner) for name, inner in value.items())
    if isinstance(value, list):
        items = [found(item) for item in value]
        named = [item for item in items if any(name in item[0] for name in NAMES)]
        if len(named) < 2:  # noqa: PLR2004 - as many as make a list of persons
            return merged(items)
        others = merged(item for item in items if item not in named)
        return others + [person for item in named for person in item]
    return [{}]


def field(name: str, value: Any) -> list[Person]:
    """What a member of an object tells: a field's text, or what stands within it."""
    if name not in FIELDS or isinstance(value, dict | list | bool | float | None):
        return found(value)
    return [{name: str(value)}] if value != "" else [{}]


def merged(parts: Iterable[list[Person]]) -> list[Person]:
    """Parts of one person, the first before the others; whom they tell apart stays apart."""
    one: Person = {}
    apart: list[Person] = []
    for person, *others in parts:
        one = person | one
        apart += others
    return [one, *apart]


def opened(value: Any) -> Any:
    """A text that is JSON once more, read; anything else as it is."""
    while isinstance(value, str) and value.lstrip()[:1] in {"{", "[", '"'}:
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value
