"""CSV as JSON lines: every value a text, empty fields left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from asterism.adapters.files.compression import DamagedError

_AT_ONCE = 2000
_ENCODER = msgspec.json.Encoder()


def lines_of_csv(lines: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """A header and its rows, as JSON lines; a row with more fields than the header is an array. Raises DamagedError."""
    texts = (f"{line.decode(errors='surrogateescape')}\n" for some in lines for line in some)
    rows = csv.reader(texts, strict=True)
    try:
        header = next(rows, [])
        header = [name.removeprefix("\ufeff") for name in header]
        while some := [*islice(rows, _AT_ONCE)]:
            yield _encoded(header, some)
    except csv.Error as error:
        raise DamagedError(f"the object is no CSV from here on: {error}") from error


def _encoded(header: Sequence[str], rows: list[list[str]]) -> list[bytes]:
    width = len(header)
    values = [
        {name: value for name, value in zip(header, row, strict=False) if value} if len(row) <= width else row
        for row in rows
    ]
    try:
        encoded = _ENCODER.encode_lines(values).split(b"\n")
        return [line if row else b"" for line, row in zip(encoded, rows, strict=False)]  # a blank line is no row
    except UnicodeEncodeError:
        return [_one(value, row) for value, row in zip(values, rows, strict=True)]


def _one(value: dict[str, str] | list[str], row: list[str]) -> bytes:
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return ",".join(row).encode(errors="surrogateescape")  # no JSON: it is set aside as it came
