"""The header of a SQL file: its first comment line says what it is, `-- name: value` lines say the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import get_args

from asterism.declare.duration import duration
from asterism.declare.model import Check, Kind, Layout, Model, Parameter, Query, Reference, Unit
from asterism.errors import Problem
from asterism.project.charts import chart
from asterism.project.nearest import nearest, suggestion

MODEL_HEADERS: Mapping[str, str] = {
    "kind": "`dimension`, `fact` or `mart`. Required.",
    "key": "The columns that identify a row, separated by commas. Required.",
    "history": "`versions` keeps every version of a row; valid_from, valid_to and is_current follow the columns.",
    "record": "With history: the name of a version's own key, a 63-bit integer; `<model>_record_id` unless given.",
    "references": "`column -> model, …`: foreign keys. A dimension's row that is deleted at the source stays while a "
    "fact refers to it.",
    "freshness": "How old its data may be, `30m` say: the objective whose missing is alerted. Else the stage's, or the "
    "platform's.",
    "partition": "For BigQuery: the column of days or moments by which the rows lie apart, and the unit: `hour`, `day` "
    "(the default), `month` or `year`, as in `sold_at month`. Who asks for a part reads that part alone. Other engines "
    "ignore it. A change takes effect when the table is made anew: `asterism rebuild`.",
    "cluster": "For BigQuery: up to four columns by which rows that are alike lie together. Others ignore it.",
    "check": "What every row must meet, one line each check: a condition in SQL over the model's columns, "
    "`unique(column, …)`, or `column -> table`. A row that fails it holds the model at its last good state; "
    "with `or warn` at the end it is only told.",
}
QUERY_HEADERS: Mapping[str, str] = {
    "param": "`name type` or `name type = default`, one line each parameter; `$name` in the SQL. The default is SQL.",
    "chart": "How the console shows the answer: `line x=day y=users series=platform`; see the charts below. "
    "Without one, the query is no part of the dashboards.",
}

_CLUSTERED = 4
"""Columns that BigQuery lays rows together by, at most."""
_COMMENT = re.compile(r"\s*--\s?(.*)$")
_HEADER = re.compile(r"\s*([A-Za-z][A-Za-z_-]*)\s*:(?!:)\s*(.*)$")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_TABLE = re.compile(rf"{_NAME.pattern}(\.{_NAME.pattern})?")
_OTHERWISE = re.compile(r"(?i)\s+or\s+(warn|stop)$")
_UNIQUE = re.compile(r"(?i)unique\s*\(([^()]*)\)")
_REFERENCE = re.compile(rf"(\w+)\s*->\s*({_TABLE.pattern})")


@dataclass(slots=True)
class Header:
    """The header of one file, read but not judged. Lines count from 1."""

    path: Path
    description: str = ""
    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    sql: str = ""
    line: int = 1
    problems: list[Problem] = field(default_factory=list)
    misspelt: set[str] = field(default_factory=set)
    """Headers that a line seems to mean: they are not missing as well."""

    def report(self, line: int | None, fact: str, remedy: str) -> None:
        """Add a problem, of the file as a whole where `line` is None."""
        self.problems.append(Problem(f"{self.path}:{line}" if line else str(self.path), fact, remedy))

    def one(self, name: str) -> tuple[int, str] | None:
        """The line and the value of a header that may stand once."""
        found = self.values.get(name)
        if not found:
            return None
        for line, _ in found[1:]:
            self.report(line, f"the header {name} stands twice", f"Keep one of lines {found[0][0]} and {line}.")
        return found[0]


def split(path: Path, text: str, known: Mapping[str, str]) -> Header:
    """Part a file into header and SQL. A value that ends with a comma goes on in the next comment line."""
    header = Header(path)
    lines = text.splitlines()
    last: str | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.match(line)
        if comment is None:
            if line.strip():
                break
            continue
        content = comment[1].strip()
        match = _HEADER.match(content)
        name = match[1] if match else ""
        if last is not None and (header.values[last][-1][1]).endswith(",") and name not in known:
            begun, value = header.values[last][-1]
            header.values[last][-1] = (begun, f"{value} {content}")
        elif match and name in known:
            header.values.setdefault(name, []).append((number, match[2].strip()))
            last = name
        elif match and (name.islower() or name.lower() in known):
            header.report(number, f"there is no header {name!r} here", suggestion(name, known))
            header.misspelt.add(nearest(name, known) or "")
        elif not header.description and not header.values:
            header.description = content
    else:
        number += 1
    header.sql = "\n".join(lines[number - 1 :]).rstrip()
    header.line = number
    if not header.description:
        header.report(1, "does not say what it is", "Begin the file with a comment: a sentence that describes it.")
    if not header.sql:
        header.report(None, "there is no SELECT", "Write one SELECT below the header.")
    return header


def model(path: Path, text: str) -> tuple[Model | None, list[Problem]]:
    """Read a file of `models/`. Answers None where a problem leaves no model to speak of."""
    header = split(path, text, MODEL_HEADERS)
    _named(header, _TABLE, "Name the file in lower-case letters, digits and _: `table.sql`, or `schema.table.sql`.")
    kinds: tuple[Kind, ...] = get_args(Kind)
    kind = _required(header, "kind", f"Add a line like `-- kind: {kinds[0]}` ({', '.join(kinds)}).")
    key = _required(header, "key", "Add a line like `-- key: order_id`: the columns that identify a row.")
    if kind and kind[1] not in kinds:
        header.report(kind[0], f"there is no kind {kind[1]!r}", suggestion(kind[1], kinds))
    columns = _names(header, key, "key") if key else ()
    history = header.one("history")
    if history and history[1] != "versions":
        header.report(
            history[0], f"there is no history {history[1]!r}", "Write `-- history: versions`, or leave it out."
        )
    record = header.one("record")
    if record and not history:
        header.report(record[0], "record names a version's key, and no history is kept", "Add `-- history: versions`.")
    if record and _NAME.fullmatch(record[1]) is None:
        header.report(record[0], f"{record[1]!r} cannot name a column", "Use lower-case letters, digits and _.")
    references = _references(header)
    freshness = _freshness(header)
    checks = _checks(header)
    layout = _layout(header)
    if header.problems or not kind:
        return None, header.problems
    made = Model(
        name=path.stem,
        path=path,
        description=header.description,
        sql=header.sql,
        line=header.line,
        kind=next(k for k in kinds if k == kind[1]),
        key=columns,
        history="versions" if history else None,
        record=(record[1] if record else f"{path.stem.rpartition('.')[2]}_record_id") if history else None,
        references=references,
        freshness=freshness,
        checks=checks,
        layout=layout,
    )
    return made, []


def query(path: Path, text: str) -> tuple[Query | None, list[Problem]]:
    """Read a file of `queries/`. Answers None where it has a problem."""
    header = split(path, text, QUERY_HEADERS)
    _named(header, _NAME, "Name the file in lower-case letters, digits and _: it names the query.")
    parameters: dict[str, Parameter] = {}
    for line, value in header.values.get("param", []):
        match = re.fullmatch(r"(\w+)\s+([^=]+?)\s*(?:=\s*(.+))?", value)
        if match is None:
            remedy = "Write `-- param: name type` or `-- param: name type = default`."
            header.report(line, f"{value!r} does not declare a parameter", remedy)
        elif match[1] in parameters:
            header.report(line, f"the parameter {match[1]} stands twice", "Keep one of them.")
        else:
            parameters[match[1]] = Parameter(match[1], match[2], match[3])
    said = header.one("chart")
    shown = chart(*said, header.report) if said else None
    if header.problems:
        return None, header.problems
    return Query(path.stem, path, header.description, header.sql, header.line, tuple(parameters.values()), shown), []


def _named(header: Header, pattern: re.Pattern[str], remedy: str) -> None:
    if pattern.fullmatch(header.path.stem) is None:
        header.report(None, f"{header.path.stem!r} cannot be a name", remedy)


def _required(header: Header, name: str, remedy: str) -> tuple[int, str] | None:
    found = header.one(name)
    if found is None and name in header.misspelt:
        return None
    if found is None or not found[1]:
        header.report(found[0] if found else 1, f"the header {name} is missing", remedy)
        return None
    return found


def _names(header: Header, found: tuple[int, str], what: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in found[1].split(","))
    if any(not name for name in names):
        header.report(found[0], f"{what} has an empty place", "Separate columns by single commas.")
    if len(set(names)) < len(names):
        header.report(found[0], f"{what} names a column twice", "Name each column once.")
    return names


def _freshness(header: Header) -> timedelta | None:
    found = header.one("freshness")
    if found is None:
        return None
    try:
        return duration(found[1])
    except ValueError as error:
        header.report(found[0], f"freshness: {error}", "Write `-- freshness: 30m`, say.")
        return None


def _layout(header: Header) -> Layout | None:
    partition, cluster = header.one("partition"), header.one("cluster")
    if not (partition or cluster):
        return None
    column, unit = None, "day"
    units: tuple[Unit, ...] = get_args(Unit)
    if partition:
        column, *said = partition[1].split() or [""]
        unit = said[0] if said else unit
        if not column or len(said) > 1 or unit not in units:
            remedy = f"Write `-- partition: column`, or a unit behind it: {', '.join(units)}."
            header.report(partition[0], f"partition: {partition[1]!r} is not a column and a unit", remedy)
    columns = _names(header, cluster, "cluster") if cluster else ()
    if cluster and len(columns) > _CLUSTERED:
        header.report(cluster[0], "cluster names more than four columns", "Keep those that are asked for most.")
    return Layout(column, next((each for each in units if each == unit), "day"), columns)


def _references(header: Header) -> tuple[Reference, ...]:
    found = header.one("references")
    if found is None:
        return ()
    references: list[Reference] = []
    for part in found[1].split(","):
        match = re.fullmatch(r"\s*(\S+)\s*->\s*(\S+)\s*", part)
        if match is None:
            header.report(
                found[0], f"{part.strip()!r} is not a reference", "Write `-- references: column -> model, …`."
            )
        else:
            references.append(Reference(match[1], match[2]))
    return tuple(references)


def _checks(header: Header) -> tuple[Check, ...]:
    checks: dict[str, Check] = {}
    for line, value in header.values.get("check", []):
        otherwise = _OTHERWISE.search(value)
        text = value[: otherwise.start()].strip() if otherwise else value
        unique, reference = _UNIQUE.fullmatch(text), _REFERENCE.fullmatch(text)
        if not text:
            header.report(line, "the check is empty", "Write a condition that every row meets, like `amount >= 0`.")
        elif text in checks:
            header.report(line, f"the check {text} stands twice", f"Keep one of lines {checks[text].line} and {line}.")
        else:
            checks[text] = Check(
                text,
                line,
                stops=otherwise is None or otherwise[1].lower() == "stop",
                unique=_names(header, (line, unique[1]), "unique") if unique else (),
                reference=Reference(reference[1], reference[2]) if reference else None,
            )
    return tuple(checks.values())
