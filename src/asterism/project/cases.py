"""`tests/*.toml`: cases, read and judged as far as the files alone allow.

[[test]]
name = "a deleted order is no revenue"
now = 2026-03-02T05:00:00           # the clock, UTC
params = { day = "2026-03-01" }     # of queries
[test.given]
"streams.orders" = [ { id = 1, price = 12.5 }, { id = 2, price = { null = true } } ]
[test.expect]
revenue = [ { day = 2026-03-01, total = 12.5 } ]

[tables."shop.orders"]              # of a source, for all cases of the file; where it matters
key = ["id"]
types = { price = "DECIMAL(10,2)" }
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from asterism.declare.case import Case, Row, Shaped
from asterism.errors import Problem
from asterism.project.load import line_of
from asterism.project.nearest import suggestion

FOLDER = "tests"
_NULL = {"null": True}
_KEYS = ("name", "now", "params", "ordered", "given", "expect")


def read(root: Path) -> tuple[list[Case], list[Problem]]:
    """All cases of the platform in the folder `root`, and everything that is wrong with their files."""
    cases: list[Case] = []
    problems: list[Problem] = []
    for file in sorted((root / FOLDER).glob("*.toml")):
        path = file.relative_to(root)
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            problems.append(Problem(str(path), f"cannot be read: {error}", "Correct the syntax; it is TOML."))
            continue
        reader = _Reader(file, path)
        cases += reader.cases(document)
        problems += reader.problems
    return cases, problems


class _Reader:
    """Reads one file, collecting problems."""

    def __init__(self, file: Path, path: Path) -> None:
        self.file = file
        self.path = path
        self.problems: list[Problem] = []

    def report(self, mark: str, fact: str, remedy: str) -> None:
        line = line_of(self.file, mark)
        self.problems.append(Problem(f"{self.path}:{line}" if line else str(self.path), fact, remedy))

    def cases(self, document: dict[str, Any]) -> list[Case]:
        for key in document:
            if key not in {"test", "tables"}:
                self.report(key, f"there is no {key!r} here", "Write [[test]] and [tables.NAME].")
        shapes = {name: self._shape(name, given) for name, given in self._table(document, "tables").items()}
        found = document.get("test", [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.report("test", "test is no list of tables", "Begin each case with [[test]].")
            return []
        cases = [case for each in found if (case := self._case(each, shapes)) is not None]
        names = [case.name for case in cases]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.report(name, f"two cases are called {name!r}", "Give each a name of its own.")
        return cases

    def _case(self, table: dict[str, Any], shapes: dict[str, Shaped]) -> Case | None:
        name = table.get("name")
        if not isinstance(name, str) or not name:
            self.report("[[test]]", "a case has no name", 'Add name = "what is so".')
            return None
        for key in table:
            if key not in _KEYS:
                self.report(key, f"the case {name!r} has no {key!r}", suggestion(key, _KEYS))
        now = table.get("now")
        if now is not None and not isinstance(now, datetime):
            self.report(name, f"now of the case {name!r} is no time", "Write it as 2026-03-01T12:00:00, in UTC.")
            now = None
        if now is not None and now.tzinfo is not None:
            now = now.astimezone(UTC).replace(tzinfo=None)
        given, expect = (self._rows(table, part, name) for part in ("given", "expect"))
        if not expect:
            self.report(name, f"the case {name!r} expects nothing", "Add [test.expect] with a model or a query.")
        params = {key: _text(value) for key, value in self._table(table, "params").items()}
        return Case(name, self.path, given, expect, now, params, table.get("ordered") is True, shapes)

    def _rows(self, table: dict[str, Any], part: str, name: str) -> dict[str, tuple[Row, ...]]:
        found: dict[str, tuple[Row, ...]] = {}
        for target, rows in self._table(table, part).items():
            if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
                found[target] = tuple({key: None if v == _NULL else v for key, v in row.items()} for row in rows)
            else:
                fact = f"{part}.{target} of the case {name!r} is no list of rows"
                self.report(name, fact, 'Write it as "table" = [ { column = value }, … ].')
        return found

    def _shape(self, name: str, given: Any) -> Shaped:
        given = given if isinstance(given, dict) else {}
        key, types = given.get("key", []), given.get("types", {})
        if not isinstance(key, list) or not isinstance(types, dict):
            self.report(name, f"{name} has a key or types that cannot be read", 'Write key = ["id"], types = {…}.')
            return Shaped()
        return Shaped(tuple(map(str, key)), {str(column): str(kind) for column, kind in types.items()})

    def _table(self, table: dict[str, Any], key: str) -> dict[str, Any]:
        found = table.get(key, {})
        if isinstance(found, dict):
            return found
        self.report(key, f"{key} is no table of names", f"Write it as [{key}], with a name a line.")
        return {}


def _text(value: Any) -> str:
    """A parameter's value, as the command line would give it."""
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else json.dumps(value, default=str)
