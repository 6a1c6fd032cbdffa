"""Lines: which can be stored, which cannot and why, and what they hold that no column takes."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from operator import attrgetter
from typing import Any, NamedTuple, Self

import msgspec

from asterism.adapters.files.compression import DamagedError
from asterism.adapters.files.schema import Field, Schema, inferred
from asterism.declare.fields import SCALE
from asterism.declare.record import Record
from asterism.errors import SourceError

LONGEST = 1 << 20
"""Bytes of a line."""
_ENCODER = msgspec.json.Encoder()
_WHOLE = msgspec.json.Decoder()
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_INFERRED_FROM = 1000
"""Lines from which columns are inferred."""


class Refused(bytes):
    """What was found to be no record before it came here, and why."""

    reason: str

    def __new__(cls, body: bytes, reason: str) -> Self:
        """Mark a body."""
        made = super().__new__(cls, body)
        made.reason = reason
        return made


class Unreadable(NamedTuple):
    """A line that cannot be stored: `member` is the object, `line` counts from 1."""

    member: str
    line: int
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that can be stored as they are, one after the other, of which the first is numbered `first`."""

    first: int
    bodies: Sequence[bytes]


class Line(NamedTuple):
    """A line that can be stored. `extra` is what it holds beside the columns, as JSON; empty where that is nothing."""

    number: int
    body: bytes
    extra: bytes
    key: Any


@dataclass
class Reader:
    """Checks lines by a schema that grows as it is told to."""

    declared: type[Record] | None
    key: tuple[str, ...]
    """Columns that identify a row; none: object and line do."""
    evolve: bool
    """Whether a new field becomes a column; else it is kept as extra."""
    texts: bool = False
    """Whether every value is a text, as in CSV: a number there is one that reads so."""
    more: tuple[Field, ...] = ()
    """Columns that were inferred."""
    anew: bool = False
    """Whether lines are written anew: then a name that an object holds twice stands once, with the last value."""
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self._take_up(self.more)

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of the columns yet."""
        return self.declared is None and not self.more

    @property
    def _is_rewritten(self) -> bool:
        return self.texts or self.anew or self.schema.needs_rewriting

    def read(self, member: str, first: int, lines: Sequence[bytes]) -> tuple[Block | list[Line], list[Unreadable]]:
        """Lines of an object, the first of them numbered `first`: those that can be stored, and the others."""
        if self.is_open or self.evolve:
            self._grow(lines)
        records = self._all(self._strict, lines)
        if records is not None and not (self.key or self._is_rewritten):
            return Block(first, lines), []
        if records is not None:
            return self._lines(range(first, first + len(lines)), lines, records, None, member)
        records = self._all(self._lenient, lines)
        extras = None if records is None else self._extras(lines)
        if records is not None and extras is not None:
            return self._lines(range(first, first + len(lines)), lines, records, extras, member)
        return self._one_by_one(member, first, lines)

    def _take_up(self, more: tuple[Field, ...]) -> None:
        self.more = more
        self.schema = Schema.held(more) if self.declared is None else Schema.declared(self.declared, more)
        self._strict = msgspec.json.Decoder(self.schema.strict, strict=not self.texts)
        self._lenient = msgspec.json.Decoder(self.schema.record, strict=not self.texts)
        self._known: dict[str, Any] = {}
        for each in self.schema.fields:
            place = self._known
            for name in each.path[:-1]:
                place = place.setdefault(name, {})
            place[each.path[-1]] = None
        self._decimals = [_getter(each.attribute) for each in self.schema.fields if each.type.startswith("DECIMAL")]
        self._doubles = [_getter(each.attribute) for each in self.schema.fields if each.type == "DOUBLE" and self.texts]
        names = {each.name: each for each in self.schema.fields}
        if self.declared is not None and (absent := [name for name in self.key if name not in names]):
            raise SourceError(
                self.declared.__name__, f"its key names {', '.join(absent)}, and it has no such column",
                f"Choose among {', '.join(names)}.",
            )  # fmt: skip
        self._keys = [_getter(names[name].attribute) if name in names else _nothing for name in self.key]

    def _grow(self, lines: Sequence[bytes]) -> None:
        """Take up fields that have no column yet."""
        if not self.is_open and self._all(self._strict, lines) is not None:
            return
        found = []
        for line in lines[:_INFERRED_FROM] if self.is_open else lines:
            if isinstance(line, Refused):
                continue
            try:
                record = _WHOLE.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if isinstance(record, dict):
                found.append(record)
        new = inferred(found, [*self._known, *(each.name for each in self.schema.fields)], texts=self.texts)
        if new:
            self._take_up((*self.more, *new))

    def _all(self, decoder: msgspec.json.Decoder[Any], lines: Sequence[bytes]) -> list[Any] | None:
        """The records of lines that can all be stored; None where one of them cannot."""
        if self.texts and Refused in set(map(type, lines)):
            return None
        together = b"\n".join(lines)
        try:
            records = decoder.decode_lines(together)
            _check(together)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        sound = len(records) == len(lines) and max(map(len, lines), default=0) <= LONGEST
        return records if sound and not self._misfit(records) else None

    def _misfit(self, records: Sequence[Any]) -> str:
        """Why a number cannot be stored; empty where all can."""
        if not all(_fits(get(record)) for get in self._decimals for record in records):
            return f"a decimal has more than {38 - SCALE} digits before the point or {SCALE} after"
        if not all(isfinite(get(record) or 0) for get in self._doubles for record in records):
            return "a number is infinite, or none"
        return ""

    def _extras(self, lines: Sequence[bytes]) -> list[bytes] | None:
        """What lines hold beside the columns; None where that of one is nothing that can be kept."""
        try:
            return [self._extra(line) for line in lines]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _extra(self, line: bytes) -> bytes:
        beyond = _beyond(_WHOLE.decode(line), self._known)
        return _ENCODER.encode(beyond) if beyond else b""

    def _lines(
        self,
        numbers: Sequence[int],
        lines: Sequence[bytes],
        records: Sequence[Any],
        extras: Sequence[bytes] | None,
        member: str,
    ) -> tuple[list[Line], list[Unreadable]]:
        bodies = _ENCODER.encode_lines(records).split(b"\n") if self._is_rewritten else lines
        extras = extras if extras is not None else [b""] * len(lines)
        if not self.key:
            return [Line(n, b, e, None) for n, b, e in zip(numbers, bodies, extras, strict=False)], []
        keys = [tuple(get(record) for get in self._keys) for record in records]
        good = [Line(*each) for each in zip(numbers, bodies, extras, keys, strict=False) if None not in each[3]]
        bad = [
            Unreadable(member, number, f"it has no {' and '.join(self.key)}, which is its key", line)
            for number, line, key in zip(numbers, lines, keys, strict=True)
            if None in key
        ]
        return good, bad

    def _one_by_one(self, member: str, first: int, lines: Sequence[bytes]) -> tuple[list[Line], list[Unreadable]]:
        good: list[Line] = []
        bad: list[Unreadable] = []
        for number, line in enumerate(lines, first):
            if not line or line.isspace():
                continue
            reason, record, extra = self._judged(line)
            if reason:
                bad.append(Unreadable(member, number, reason, line[: LONGEST + 1]))
                continue
            one, other = self._lines([number], [line], [record], [extra], member)
            good += one
            bad += other
        return good, bad

    def _judged(self, line: bytes) -> tuple[str, Any, bytes]:
        """Why a line cannot be stored, or its record, and what it holds beside the columns."""
        record, extra = None, b""
        if isinstance(line, Refused) or len(line) > LONGEST:
            return line.reason if isinstance(line, Refused) else f"it is longer than {LONGEST} bytes", record, extra
        try:
            record = self._lenient.decode(line)
            _check(line)
            extra = self._extra(line)
        except msgspec.ValidationError as error:
            return str(error), record, extra
        except RecursionError:
            return "it is nested too deeply", record, extra
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return f"it is not JSON: {error}", record, extra
        return self._misfit([record]), record, extra


def unmarked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A text in UTF-8, without the mark that it may begin with. Raises DamagedError for one in UTF-16."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(BOM_UTF8):
            break
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise DamagedError("the object is UTF-16, and should be UTF-8")
    yield head.removeprefix(BOM_UTF8)
    yield from chunks


def split(chunks: Iterator[bytes], longest: int = LONGEST) -> Iterator[list[bytes]]:
    """Whole lines, some at a time. Of a line that is too long, no more than shows that it is."""
    rest = b""
    for chunk in chunks:
        head, broken, tail = chunk.rpartition(b"\n")
        if broken:
            yield (rest + head).split(b"\n")
            rest = tail
        elif len(rest) <= longest:
            rest += chunk
    if rest:
        yield [rest]


def _check(lines: bytes) -> None:
    """What a decoder of known fields skips, and the reader of columns does not."""
    escaped = b"\\" in lines  # one byte is found ten times faster than two
    if (escaped and b"\\u" in lines) or not lines.isascii():
        _WHOLE.decode_lines(lines)
    if escaped and b"\\u0000" in lines and _NUL.search(lines):
        raise msgspec.ValidationError("a text holds the character U+0000, which databases cannot store")


def _beyond(record: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object, and of objects in it, that no column takes."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name not in known:
            found[name] = value
        elif known[name] is not None and isinstance(value, dict):
            inner = _beyond(value, known[name])
            if inner:
                found[name] = inner
    return found


def _getter(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """What gets a value out of a record, None where it or what is around it is missing."""
    outer = attrgetter(path[0])
    if len(path) == 1:
        return outer
    inner = _getter(path[1:])
    return lambda record: None if (value := outer(record)) is None else inner(value)


def _nothing(_record: Any) -> None:
    """Of a column that there is not yet."""


def _fits(value: Decimal | None) -> bool:
    if value is None:
        return True
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -SCALE and value.adjusted() < 38 - SCALE
