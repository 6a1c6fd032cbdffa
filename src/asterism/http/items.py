"""Items: the records that a request's body holds, each as the bytes it came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from asterism.http import cloudevents
from asterism.http.problem import HttpProblem

MOST = 100_000
"""Records of one request."""

_LINES = frozenset({b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines"})
_MARK = b"\xef\xbb\xbf"
_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


class MalformedError(Exception):
    """A body is not JSON as a whole."""


class Items(NamedTuple):
    """Records to be checked."""

    bodies: list[bytes]
    several: bool
    """Whether the body may hold several, even where it holds one."""
    ids: list[str] | None = None
    """Their producer's ids, beside `bodies`; empty where there is none."""
    faults: dict[int, str] | None = None
    """Why some cannot be records at all, by their places in `bodies`."""


def items(headers: Mapping[bytes, bytes], body: bytes) -> Items:
    """Tell the records of a body apart. Raises HttpProblem for one without any, MalformedError for no JSON."""
    kind = headers.get(b"content-type", b"")
    if kind != b"application/json":
        kind = kind.partition(b";")[0].strip().lower()
    if body[:3] == _MARK:
        body = body[3:]
    found = _items(kind, headers, body)
    if not found.bodies:
        raise HttpProblem(400, "The request holds no record.", title="Empty request")
    return found


def _items(kind: bytes, headers: Mapping[bytes, bytes], body: bytes) -> Items:
    start = body[:64].lstrip()[:1] or body.lstrip()[:1]
    if not start:
        return Items([], several=False)
    if kind in _LINES:
        return Items(_split(body), several=True)
    if kind in {cloudevents.ONE, cloudevents.BATCH} or cloudevents.is_binary(headers):
        return _events(kind, headers, body)
    return Items(_elements(body), several=True) if start == b"[" else Items([body], several=False)


def lines(body: bytes) -> list[bytes] | None:
    """The lines of a body that turned out not to be one JSON value; None where its first is none either."""
    found = _split(body)
    try:
        _RAW.decode(found[0])
    except (msgspec.MsgspecError, RecursionError, IndexError):
        return None
    return found if len(found) > 1 else None


def _split(body: bytes) -> list[bytes]:
    if body.count(b"\n") > 2 * MOST:
        raise _too_many()
    found = [line for line in body.splitlines() if line and not line.isspace()]
    if len(found) > MOST:
        raise _too_many()
    return found


def _elements(body: bytes) -> list[bytes]:
    try:
        found = _RAWS.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedError(str(error) or "it is nested too deeply") from error
    if len(found) > MOST:
        raise _too_many()
    return [bytes(each) for each in found]


def _events(kind: bytes, headers: Mapping[bytes, bytes], body: bytes) -> Items:
    several = kind == cloudevents.BATCH
    bodies = _elements(body) if several else [body]
    ids: list[str] = []
    faults: dict[int, str] = {}
    for place, each in enumerate(bodies):
        try:
            if kind in {cloudevents.ONE, cloudevents.BATCH}:
                bodies[place], key = cloudevents.event(each)
            else:
                key = cloudevents.binary_id(headers)
        except ValueError as error:
            faults[place], key = str(error), ""
        ids.append(key)
    return Items(bodies, several, ids, faults)


def _too_many() -> HttpProblem:
    return HttpProblem(413, f"A request may have {MOST} records. Send them in parts.", title="Too many records")
