"""CSV as JSON lines: every value a text, empty fields left out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from asterism.adapters.files.compression import DamagedError
from asterism.adapters.files.lines import Refused

FARTHEST = 1 << 24
"""Characters within which a quote has to be closed."""
_AT_ONCE = 2000
_SIZE = 1 << 22
"""Characters of rows that are handed on at once."""
_ENCODER = msgspec.json.Encoder()

csv.field_size_limit(FARTHEST)  # the process's: it cannot be set for one reader


def lines_of_csv(
    lines: Iterator[list[bytes]], known: Iterable[str] = (), delimiter: str = ","
) -> Iterator[list[bytes]]:
    """A header and its rows, as JSON lines; what is no row of it is Refused, in its place. Raises DamagedError.

    A name in the header is that of a column which is `known`, where they differ in upper and lower case only. Of names
    that stand there twice, the second is `name_2`.
    """
    rows = _Rows(lines, delimiter)
    each = iter(rows)
    header = _names(next((row for row in each if row), []), list(known), delimiter)
    some: list[list[str] | Refused] = []
    try:
        for row in each:
            some.append(row)
            if len(some) >= _AT_ONCE or rows.size > _SIZE:
                yield _encoded(header, some)
                some, rows.size = [], 0
    except DamagedError:
        if some:
            yield _encoded(header, some)
        raise
    if some:
        yield _encoded(header, some)


class _Rows:
    """Rows, and what is none."""

    def __init__(self, lines: Iterator[list[bytes]], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._taken: list[str] = []
        """What has been read of a row."""
        self.size = 0
        """Characters that have been read."""

    def __iter__(self) -> Iterator[list[str] | Refused]:
        rows = csv.reader(self._texts(), strict=True, delimiter=self._delimiter)
        taken = self._taken
        while True:
            try:
                for row in rows:
                    taken.clear()
                    yield row
            except csv.Error as error:
                if sum(map(len, taken)) > FARTHEST:  # what follows may be of this row as well
                    raise DamagedError(f"the object is no CSV from here on: {error}") from error
                body = "".join(taken).encode(errors="surrogateescape")
                taken.clear()
                yield Refused(body, f"it is not CSV: {error}")
            else:
                return

    def _texts(self) -> Iterator[str]:
        for some in self._lines:
            for line in some:
                text = f"{line.decode(errors='surrogateescape')}\n"
                self._taken.append(text)
                self.size += len(text)
                yield text


def _names(header: Sequence[str] | Refused, known: Sequence[str], delimiter: str) -> list[str]:
    if isinstance(header, Refused):
        raise DamagedError(f"its header cannot be read: {header.reason}")
    if not "".join(header).isascii() and any("\udc80" <= each <= "\udcff" for each in "".join(header)):
        raise DamagedError("its header is not UTF-8")
    if len(header) == 1 and (others := [each for each in ",;\t|" if each in header[0] and each != delimiter]):
        raise DamagedError(f"its header is one name by the delimiter {delimiter!r}: it may be {others[0]!r}")
    spelled = {name.lower(): name for name in known if name not in header}
    names: list[str] = []
    for given in header:
        name = once = spelled.pop(given.lower(), given)
        count = 1
        while name in names:
            count += 1
            name = f"{once}_{count}"
        names.append(name)
    return names


def _encoded(header: Sequence[str], rows: Sequence[list[str] | Refused]) -> list[bytes]:
    width = len(header)
    found = [
        {name: value for name, value in zip(header, row, strict=False) if value}
        if len(row) <= width and type(row) is list
        else _refused(row)
        for row in rows
    ]
    try:
        encoded = _ENCODER.encode_lines(found).split(b"\n")
    except (UnicodeEncodeError, TypeError):
        encoded = [_one(each) for each in found]
    return [line if row else b"" for line, row in zip(encoded, rows, strict=False)]  # a blank line is no row


def _refused(row: list[str] | Refused) -> Refused:
    """No record, which no encoder takes."""
    if isinstance(row, Refused):
        return row
    body = msgspec.json.encode([text.encode(errors="replace").decode() for text in row])
    return Refused(body, "it has more fields than the header names")


def _one(record: dict[str, str] | Refused) -> bytes:
    if isinstance(record, Refused):
        return record
    try:
        return _ENCODER.encode(record)
    except UnicodeEncodeError:
        return Refused(",".join(record.values()).encode(errors="surrogateescape"), "it is not UTF-8")
