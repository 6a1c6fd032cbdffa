"""Records: how those of one stream are checked at the door, landed as lines, and read as columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from asterism.declare.fields import SCALE, column_type
from asterism.declare.stream import Stream
from asterism.declare.table import Column, Table
from asterism.errors import RecordError
from asterism.ports.log import Logged

ID, RECEIVED_AT, EXTRA, ANY = "_id", "_received_at", "_extra", "record"
"""Columns of every stream's table: the key, when the log took it; fields without a column; a record without a type."""

_EPOCH = datetime(1970, 1, 1)
_WIDEST = 2**63 - 1
_TELLABLE = "within the years 1 to 9999 in UTC"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_DEEPEST = 200
"""Arrays and objects within each other: who reads a record may be deep in calls already, and Python has a thousand."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_STEPS = [{91: 1, 123: 1, 93: -1, 125: -1}.get(byte, 0) for byte in range(256)]


class Envelope(msgspec.Struct, frozen=True):
    """A landed line: a record as it came, and what the log knows of it."""

    id: str
    received_at: datetime
    key: str
    partition: str
    position: int | str
    """As text where 64 bits are too few: those of brokers are."""
    record: msgspec.Raw


class _Head(msgspec.Struct, frozen=True, rename={"id": ID, "received_at": RECEIVED_AT, "raw": "_raw"}):
    """What a line of a table begins with."""

    id: str
    received_at: datetime
    raw: msgspec.Raw


class _Times(dict[int, datetime]):
    """Microseconds since 1970 as times: records of one commit have one and the same."""

    def __missing__(self, microseconds: int) -> datetime:
        found = self[microseconds] = since_1970(microseconds)
        return found


class Admitted(NamedTuple):
    """A record that passed the door. `id` is None where it does not say its own."""

    id: str | None
    key: str
    body: bytes
    """One line."""


class Opened(NamedTuple):
    """Landed lines, opened: envelopes beside their records, and the envelopes whose records do not fit, with why."""

    envelopes: list[Envelope]
    records: list[Any]
    refused: list[tuple[Envelope, str]]


class Shape:
    """What the declaration of a stream makes of bytes. Safe to use from several threads."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        kind: Any = stream.record or Any
        if stream.strict and stream.record is not None:
            kind = msgspec.defstruct(
                stream.record.__name__, [], bases=(stream.record,), frozen=True, forbid_unknown_fields=True
            )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        fields = msgspec.structs.fields(stream.record) if stream.record else ()
        self._names = {field.name: field.encode_name for field in fields}
        types = {field.name: inspect.type_info(field.type) for field in fields}
        bounded = ("BIGINT", "DECIMAL", "TIMESTAMP")
        self._bounded = tuple(name for name, kind in types.items() if column_type(kind).startswith(bounded))
        self._columns = tuple(Column(self._names[name], column_type(kind)) for name, kind in types.items())

    @cached_property
    def table(self) -> Table:
        """The stream's table: one row a record id."""
        columns = self._columns or (Column(ANY, "JSON"),)
        extra = (Column(EXTRA, "JSON"),) if self._columns and not self.stream.strict else ()
        own = (Column(ID, "VARCHAR", nullable=False), Column(RECEIVED_AT, "TIMESTAMP", nullable=False))
        return Table(self.stream.table, (*own, *columns, *extra), (ID,))

    def admit(self, body: bytes) -> Admitted:
        """Check one record, JSON in UTF-8. Raises RecordError, whose fact is the reason."""
        try:
            record = self._decoder.decode(body)
            self._check(body, record)
            line = msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body
            given, key = self.value(record, self.stream.id_field), self.value(record, self.stream.key)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise RecordError(f"stream {self.stream.name}", _reason(error)) from error
        return Admitted(given or None, key, line)

    def decode(self, body: bytes) -> Any:
        """One record that was admitted. Raises RecordError where it does not fit the type as it is now."""
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RecordError(f"stream {self.stream.name}", _reason(error)) from error

    def read(self, bodies: Iterable[bytes]) -> list[Any]:
        """Records of the log, decoded at one go. Raises msgspec.MsgspecError if one of them does not fit the type."""
        return self._decoder.decode_lines(b"\n".join(bodies))

    def value(self, record: Any, field: str | None) -> str:
        """A field's value as a key: text; empty where there is none."""
        if field is None:
            return ""
        found = getattr(record, field, None) if self.stream.record else _item(record, field)
        return text(found)

    def _check(self, body: bytes, record: Any) -> None:
        """What a decoder lets pass and a table or another reader does not."""
        if body.count(b"[") + body.count(b"{") > _DEEPEST and _depth(body) > _DEEPEST:
            raise msgspec.ValidationError(f"it is nested more than {_DEEPEST} deep")
        if self.stream.record is not None and (b"\\u" in body or not body.isascii()):
            msgspec.json.decode(body)  # fields that the type does not know were skipped, not read
        if b"\\u0000" in body and _NUL.search(body):
            raise msgspec.ValidationError("a text holds the character U+0000, which databases cannot store")
        for name in self._bounded:
            missed = _missed(getattr(record, name))
            if missed:
                raise msgspec.ValidationError(f"Expected {missed} - at `$.{self._names[name]}`")

    def open(self, lines: bytes) -> Opened:
        """Read landed lines with the type as it is now. A record that fits no longer is told apart, with the reason."""
        envelopes = _envelopes(lines)
        try:
            return Opened(envelopes, self._decoder.decode_lines(b"\n".join([each.record for each in envelopes])), [])
        except (msgspec.MsgspecError, RecursionError):
            opened = Opened([], [], [])
            for envelope in envelopes:
                try:
                    opened.records.append(self._decoder.decode(envelope.record))
                except (msgspec.MsgspecError, RecursionError) as error:
                    opened.refused.append((envelope, _reason(error)))
                else:
                    opened.envelopes.append(envelope)
            return opened

    def rows(self, opened: Opened) -> bytes:
        """Lines whose fields are the table's columns, as `Lines.read` takes them."""
        heads = _lines(_Head(each.id, each.received_at, each.record) for each in opened.envelopes)
        if self.stream.record is None:
            bodies = _lines(opened.records)  # of a name that stands twice engines differ, and Python has the last
            return b"\n".join(
                [b'%b,"record":%b}' % (head[:-1], body) for head, body in zip(heads, bodies, strict=True)]
            )
        pairs = zip(heads, _lines(opened.records), strict=True)
        return b"\n".join([head if body == b"{}" else b"%b,%b" % (head[:-1], body[1:]) for head, body in pairs])

    def column(self, field: str) -> str:
        """The column of a field of the record's type."""
        return self._names[field]

    @property
    def known(self) -> tuple[str, ...]:
        """The fields that have columns of their own."""
        return tuple(column.name for column in self._columns)


_ENVELOPES = msgspec.json.Decoder(Envelope)
_ENCODER = msgspec.json.Encoder()


def landed(records: Iterable[Logged]) -> bytes:
    """Records of the log as lines of the landing zone: envelopes, each around the record's bytes as they came."""
    times = _Times()
    return _ENCODER.encode_lines(
        [
            Envelope(each.id, times[each.at], each.key, each.partition, stored(each.position), msgspec.Raw(each.body))
            for each in records
        ]
    )


def _envelopes(lines: bytes) -> list[Envelope]:
    """Landed lines. Records that the door did not see may be nested too deeply even to be passed over."""
    try:
        return _ENVELOPES.decode_lines(lines)
    except RecursionError:
        parts = [line.partition(b',"record":') for line in lines.splitlines()]  # in a text its quotes were escaped
        heads = _ENVELOPES.decode_lines(b"\n".join([b"%b%bnull}" % (head, name) for head, name, _ in parts]))
        pairs = zip(heads, parts, strict=True)
        return [msgspec.structs.replace(head, record=msgspec.Raw(body[:-1])) for head, (_, _, body) in pairs]


def _lines(values: Iterable[Any]) -> list[bytes]:
    """Values as JSON, a line each."""
    return _ENCODER.encode_lines([*values]).split(b"\n")[:-1]


def logged(lines: bytes) -> list[Logged]:
    """The records of landed lines, as the log had them: the inverse of `landed`.

    Lines without a partition are left out: they were taken into a table again, and are landed under their own as well.
    """
    return [
        Logged(each.partition, int(each.position), each.id, each.key, _micros(each.received_at), bytes(each.record))
        for each in _envelopes(lines)
        if each.partition
    ]


def stored(position: int) -> int | str:
    """A position as JSON holds it."""
    return position if position <= _WIDEST else str(position)


def since_1970(microseconds: int) -> datetime:
    """A time of the log, naive UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _depth(body: bytes) -> int:
    """How many arrays and objects of a JSON text are within each other at most."""
    return max(accumulate(map(_STEPS.__getitem__, _STRING.sub(b"", body))))


def _missed(value: Any) -> str:
    """What a column asks for that a value of its type is not; empty where it fits."""
    kind = type(value)
    if kind is int:
        return "" if -_WIDEST - 1 <= value <= _WIDEST else "an integer of 64 bits"
    if kind is datetime:
        return "" if value.tzinfo is None or value.tzinfo is UTC or _can_be_told(value) else f"a time {_TELLABLE}"
    if kind is Decimal:
        return "" if _fits(value) else f"a decimal of 26 digits before the point and {SCALE} after"
    return next(filter(None, map(_missed, value)), "") if kind is list else ""


def _can_be_told(moment: datetime) -> bool:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _fits(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -SCALE and value.adjusted() < 38 - SCALE


def _item(record: Any, field: str) -> Any:
    return record.get(field) if isinstance(record, dict) else None


def text(value: Any) -> str:
    """A value as a key."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Enum):
        return text(value.value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float | Decimal) else _ENCODER.encode(value).decode()


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OverflowError):
        return f"it holds no time {_TELLABLE}"
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return f"it is not JSON: {error}"
