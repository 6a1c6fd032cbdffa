"""The events of an export: their fields, how a line is checked, and what SQL makes of it.

Source: Amplitude, "Export API". Every field is optional there; without `uuid` an event cannot be told from another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from asterism.declare.table import Column, Table

KEY = "uuid"
LONGEST = 1 << 20
"""Bytes of a line. Amplitude takes no larger requests."""
_TIMES = [
    "server_received_time",
    "event_time",
    "processed_time",
    "user_creation_time",
    "client_upload_time",
    "server_upload_time",
    "client_event_time",
]
_INTEGERS = ["app", "$schema", "amplitude_id", "event_id", "session_id"]
_FLOATS = ["location_lng", "location_lat"]
_BOOLEANS = ["paying", "is_attribution_event"]
_ANY = ["sample_rate"]
_OBJECTS = ["event_properties", "data", "groups", "group_properties", "user_properties"]
_TEXTS = [
    "device_carrier",
    "city",
    "user_id",
    "platform",
    "os_version",
    "version_name",
    "ip_address",
    "dma",
    "$insert_id",
    "event_type",
    "library",
    "amplitude_attribution_ids",
    "device_type",
    "device_manufacturer",
    "start_version",
    "os_name",
    "amplitude_event_type",
    "device_brand",
    "device_id",
    "language",
    "device_model",
    "country",
    "region",
    "adid",
    "device_family",
    "idfa",
]
_TYPES = (
    {KEY: "VARCHAR"}
    | dict.fromkeys(_TEXTS, "VARCHAR")
    | dict.fromkeys(_TIMES, "TIMESTAMP")
    | dict.fromkeys(_INTEGERS, "BIGINT")
    | dict.fromkeys(_FLOATS, "DOUBLE")
    | dict.fromkeys(_BOOLEANS, "BOOLEAN")
    | dict.fromkeys([*_OBJECTS, *_ANY], "JSON")
)

_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Text = str | int | float | bool | None
_Event = msgspec.defstruct(
    "_Event",
    [
        (KEY, Annotated[str, msgspec.Meta(min_length=1)]),
        *((_name, datetime | None, None) for _name in _TIMES),
        *((_name.replace("$", "_"), _Integer | None, msgspec.field(default=None, name=_name)) for _name in _INTEGERS),
        *((_name, float | None, None) for _name in _FLOATS),
        *((_name, bool | None, None) for _name in _BOOLEANS),
        *((_name, Any, None) for _name in [*_OBJECTS, *_ANY]),
        *((_name.replace("$", "_"), _Text, msgspec.field(default=None, name=_name)) for _name in _TEXTS),
    ],
)
_DECODER = msgspec.json.Decoder(_Event, strict=False)  # a number in quotes is a number, and 'null' is null
_WHOLE = msgspec.json.Decoder()
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PAIRS = json.JSONDecoder(object_pairs_hook=lambda pairs: pairs, parse_int=str, parse_float=str)


_ANY_FAULT = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What decoding raises: a number of seconds that is no time of ours is a ValueError of its own."""


class Fault(NamedTuple):
    """A line that cannot be read. `line` counts from 0."""

    line: int
    reason: str
    body: bytes


def faults(lines: bytes, *, wary: bool = False) -> Iterator[Fault]:
    """The lines that hold no event that can be stored. Blank lines are none.

    A field that stands twice is sure to be seen with `wary` only: that takes as long as all the rest.
    """
    apart = lines.split(b"\n")
    try:
        if len(lines) <= LONGEST and len(_DECODER.decode_lines(lines)) == len(apart) - (not apart[-1]):
            _check(lines)
            if not (wary and any(map(_repeated, apart))):
                return
    except _ANY_FAULT:
        pass  # which of them it is, they say one by one
    for number, line in enumerate(apart):
        reason = _fault(line)
        if reason:
            yield Fault(number, reason, line)


def _check(lines: bytes) -> None:
    """What a decoder of known fields skips, and the reader of the table does not."""
    if b"\\u" in lines or not lines.isascii():
        _WHOLE.decode_lines(lines)
    if b"\\u0000" in lines and _NUL.search(lines):
        raise msgspec.ValidationError("a text holds the character U+0000, which databases cannot store")


def _repeated(line: bytes) -> str:
    """The field that an object holds twice, which the reader of the table refuses; empty where none is."""
    names = [name for name, _ in _PAIRS.decode(line.decode())] if line else []  # those of objects within do no harm
    return next((name for place, name in enumerate(names) if name in _TYPES and name in names[:place]), "")


def _fault(line: bytes) -> str:
    if len(line) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if not line or line.isspace():
        return ""
    try:
        _DECODER.decode(line)
        _check(line)
        twice = _repeated(line)
    except _ANY_FAULT as error:
        return _reason(error)
    return f"it holds {twice} twice" if twice else ""


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, msgspec.MsgspecError | UnicodeDecodeError):
        return f"it is not JSON: {error}"
    return f"it holds a time that cannot be told: {error}"


LINES = tuple(Column(name, "JSON" if kind == "JSON" else "VARCHAR") for name, kind in _TYPES.items())
"""How lines are read: values that may be in quotes become their types in SQL."""


def tables(schema: str) -> tuple[Table, Table]:
    """The table of the events, and that of the entries of their objects."""
    columns = tuple(Column(name, kind, nullable=name != KEY) for name, kind in _TYPES.items())
    own = (KEY, "property_type", "key")
    entries = tuple(
        Column(name, "VARCHAR", nullable=name not in own) for name in (*own[:2], "insert_id", "key", "value")
    )
    return Table(f"{schema}.events", columns, (KEY,)), Table(f"{schema}.events_properties", entries, own)


_ONCE = f"""
with twice as materialized (select hash({KEY}) as hashed from lines group by hashed having count(*) > 1),
once as not materialized (
    select * from lines where hash({KEY}) not in (select hashed from twice)
    union all
    select * from lines where hash({KEY}) in (select hashed from twice)
    qualify row_number() over (partition by {KEY} order by server_upload_time desc, processed_time desc, lines) = 1
)"""
"""Each event once, the one that was uploaded last. Only those whose hash stands there twice are sorted."""


def _value(name: str, kind: str) -> str:
    """A field as its table has it. The text 'null' is null."""
    field = f'"{name}"'
    bare = f"nullif({field}, 'null')"
    number = f"nullif(lower({field}), 'null')"  # in which case may be any, as in the check
    if name == KEY:
        return field
    if kind == "JSON":
        return f"case when {field}::varchar not in ('null', '\"null\"') then {field} end as {field}"
    if kind == "TIMESTAMP":
        return (
            f"coalesce(try_cast({bare} as timestamptz), to_timestamp(try_cast({bare} as double)))::timestamp as {field}"
        )
    if name == "user_id":
        return f"coalesce({bare}, nullif(amplitude_id, 'null')) as {field}"
    if name == "paying":
        return f"coalesce({number}::boolean, false) as {field}"
    return f"{bare if kind == 'VARCHAR' else number}::{kind} as {field}"


EVENTS = f"{_ONCE} select {', '.join(_value(name, kind) for name, kind in _TYPES.items())} from once"
"""The rows of the events."""

_NAMES, _FIELDS = ", ".join(f"'{name}'" for name in _OBJECTS), ", ".join(_OBJECTS)
_ENTRY = "json_extract(object, '/' || replace(replace(key, '~', '~0'), '/', '~1'))"
PROPERTIES = f"""{_ONCE},
objects as not materialized (
    select {KEY}, nullif("$insert_id", 'null') as insert_id, unnest([{_NAMES}]) as property_type,
        unnest([{_FIELDS}]) as object
    from once
),
keys as not materialized (
    select *, unnest(list_distinct(json_keys(object))) as key from objects where json_type(object) = 'OBJECT'
),
entries as not materialized (select *, {_ENTRY} as entry from keys)
select {KEY}, property_type, insert_id, key,
    nullif(case when json_type(entry) = 'VARCHAR' then entry ->> '$' else entry::varchar end, 'null') as value
from entries"""
"""The rows of the entries: texts as they are, everything else as JSON."""
