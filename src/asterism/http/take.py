"""Taking: what a request's body holds becomes entries for the log, and items that are refused, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from asterism.declare.stream import Stream
from asterism.errors import RecordError
from asterism.http.ids import Ids
from asterism.http.items import Items, MalformedError, items, lines
from asterism.http.problem import HttpProblem
from asterism.ports.log import Entry
from asterism.run.quarantine import Refused
from asterism.run.records import Shape

PLACE = "HTTP"
"""Where the quarantine says that something was refused."""
_LONGEST_ID = 500
_LONGEST_KEY = 255


@dataclass(slots=True)
class Taken:
    """What became of a request."""

    entries: list[Entry] = field(default_factory=list)
    refused: list[tuple[int, Refused]] = field(default_factory=list)
    """With their places in the request."""
    malformed: bool = False
    """Whether the body as a whole is no JSON."""


class Taker:
    """Takes requests for one stream. Safe to use from several threads, with an `Ids` each."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._shape = Shape(stream)

    def take(self, headers: Mapping[bytes, bytes], body: bytes, ids: Ids) -> Taken:
        """Check every record of a body. Raises HttpProblem where there is none, or too many."""
        key = _idempotency_key(headers)
        try:
            found = items(headers, body)
        except MalformedError as error:
            return Taken([], [(0, self.refuse(f"it is not JSON: {error}", body, key))], malformed=True)
        if found.several or found.ids is not None or found.faults is not None:
            return self._all(found, key, ids)
        taken = self._all(found, key, ids)
        if taken.malformed and (several := lines(body)) is not None:
            return self._all(Items(several, several=True), key, ids)
        return taken

    def refuse(self, reason: str, body: bytes, record_id: str = "") -> Refused:
        """Something for the quarantine; what has an id of its producer's is there once, however often it is sent."""
        name = self.stream.name
        return Refused(name, PLACE, reason, body, f"door/{name}/{record_id}" if record_id else "", record_id)

    def _all(self, found: Items, key: str, ids: Ids) -> Taken:
        taken = Taken()
        entries, admit = taken.entries, self._shape.admit
        for place, body in enumerate(found.bodies):
            given = (found.ids[place] if found.ids else "") or (f"{key}/{place}" if key and found.several else key)
            reason = found.faults.get(place) if found.faults else None
            if reason is None:
                try:
                    admitted = admit(body)
                except RecordError as error:
                    reason = error.fact
                    taken.malformed = not found.several and _is_malformed(error)
                else:
                    record_id = admitted.id or given
                    if len(record_id) <= _LONGEST_ID:
                        entries.append(Entry(record_id or ids.next(), admitted.key, admitted.body, bool(record_id)))
                        continue
                    reason = f"its id is longer than {_LONGEST_ID} characters"
            taken.refused.append((place, self.refuse(reason, body, given[:_LONGEST_ID])))
        return taken


def _is_malformed(error: RecordError) -> bool:
    cause = error.__cause__
    return cause is not None and not isinstance(cause, msgspec.ValidationError)


def _idempotency_key(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"idempotency-key")
    if given is None:
        return ""
    key = given.decode("utf-8", "replace").strip().strip('"')
    if len(key) > _LONGEST_KEY:
        raise HttpProblem(400, f"An Idempotency-Key may have {_LONGEST_KEY} characters.")
    return key
