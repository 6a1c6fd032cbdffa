"""Small answers as text: rows of Python values in JSON, JSON lines and CSV, part by part."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from asterism.declare.table import Column
from asterism.run.values import as_json

Rows = Sequence[tuple[Any, ...]]
_PLAIN = re.compile(r"[^\s,\"][^,\"\r\n]*")


def distinct(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Columns whose names are keys: one that stands twice gets a number, so that no value is lost."""
    taken: dict[str, Column] = {}
    for column in columns:
        number, name = 1, column.name
        while name.lower() in taken:
            number += 1
            name = f"{column.name}_{number}"
        taken[name.lower()] = Column(name, column.type)
    return tuple(taken.values())


def frame(form: str, columns: Sequence[Column]) -> tuple[bytes, bytes]:
    """What stands before the rows, an array of objects in JSON, and behind them."""
    if form != "json":
        return b"", b""
    return b'{"columns":' + msgspec.json.encode([column.name for column in columns]) + b',"rows":', b"}"


def rows_as(form: str, columns: Sequence[Column], rows: Rows, *, first: bool) -> bytes:
    """Some rows of an answer; of JSON what stands inside the array, of CSV the line of names before the first."""
    names = [column.name for column in columns]
    if form == "csv":
        head = [names] if first else []
        lines = [",".join(map(_field, line)) for line in (*head, *([as_json(v) for v in row] for row in rows))]
        return "".join(f"{line}\n" for line in lines).encode()
    objects = [{name: as_json(value) for name, value in zip(names, row, strict=True)} for row in rows]
    if form == "ndjson":
        return b"".join(msgspec.json.encode(each) + b"\n" for each in objects)
    text = msgspec.json.encode(objects)[1:-1]
    return text if first or not text else b"," + text


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '""') + '"'
