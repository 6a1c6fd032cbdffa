"""What a log in Kinesis needs besides: how far consumers have read, and what was erased.

In the DynamoDB table, pk `position/<stream>` has an item for each consumer and shard, pk `erased/<stream>` one for each
id, until its `ttl`, when Kinesis has let the record go.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from asterism.adapters.aws.service import Service
from asterism.adapters.aws.table import RefusedError, Table, sortable
from asterism.ports.log import Offsets

_YEAR = 365 * 86_400
"""Seconds; no stream keeps records for longer."""
_FRESH = 1.0
"""Seconds for which what was erased elsewhere may be unknown here."""


class Positions:
    """In a table. Several threads may use it."""

    def __init__(self, service: Service, table: str) -> None:
        self._table = Table(replace(service, name=table, options={}))
        self._hidden: dict[str, tuple[float, frozenset[str]]] = {}

    def move(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """Note positions; one that lies before what is noted stays out."""
        for shard, position in offsets.items():
            with suppress(RefusedError):
                self._table.call(
                    "update_item",
                    Key={"pk": {"S": f"position/{stream}"}, "sk": {"S": f"{consumer}\0{shard}"}},
                    UpdateExpression="SET reached = :at, who = :who, part = :part",
                    ConditionExpression="attribute_not_exists(reached) OR reached < :at",
                    # As text of one length, which compares as the number does: DynamoDB's numbers are narrower.
                    ExpressionAttributeValues={
                        ":at": {"S": f"{position:080d}"},
                        ":who": {"S": consumer},
                        ":part": {"S": shard},
                    },
                )

    def of(self, stream: str) -> dict[str, Offsets]:
        """The positions of all consumers."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for item in self._table.query(f"position/{stream}"):
            found[item["who"]["S"]][item["part"]["S"]] = int(item["reached"]["S"])
        return dict(found)

    def hide(self, stream: str, ids: Collection[str]) -> None:
        """Note ids whose records nobody may read any more."""
        until = {"N": str(int(time.time()) + _YEAR)}
        self._table.write(
            {"pk": {"S": f"erased/{stream}"}, "sk": {"S": f"id/{sortable(each)}"}, "id": {"S": each}, "ttl": until}
            for each in set(ids)
        )
        self._hidden.pop(stream, None)

    def hidden(self, stream: str) -> frozenset[str]:
        """Those ids."""
        known = self._hidden.get(stream)
        if known is None or time.monotonic() - known[0] > _FRESH:
            ids = frozenset(item["id"]["S"] for item in self._table.query(f"erased/{stream}"))
            known = self._hidden[stream] = (time.monotonic(), ids)
        return known[1]


@dataclass
class Kept:
    """In memory."""

    _positions: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    _hidden: dict[str, frozenset[str]] = field(default_factory=dict)

    def move(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Positions`."""
        known = self._positions.setdefault(stream, {}).setdefault(consumer, {})
        known.update({shard: max(position, known.get(shard, 0)) for shard, position in offsets.items()})

    def of(self, stream: str) -> Mapping[str, Offsets]:
        """See `Positions`."""
        return {consumer: dict(offsets) for consumer, offsets in self._positions.get(stream, {}).items()}

    def hide(self, stream: str, ids: Collection[str]) -> None:
        """See `Positions`."""
        self._hidden[stream] = self._hidden.get(stream, frozenset()) | frozenset(ids)

    def hidden(self, stream: str) -> frozenset[str]:
        """See `Positions`."""
        return self._hidden.get(stream, frozenset())
