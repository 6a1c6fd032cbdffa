"""Records on their way through Firehose: each answered under its own id, as JSON lines, with keys for its folder."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from asterism.declare.stream import Transform
from asterism.run.records import Shape

_log = logging.getLogger(__name__)


class Delivery:
    """What becomes of the records of one stream: as they came, or what a transform makes of them."""

    def __init__(
        self, shape: Shape, transform: Transform | None = None, opened: Callable[[bytes], Sequence[bytes]] | None = None
    ) -> None:
        """`opened` answers the records in one of Firehose's, where a log packs several."""
        self._shape, self._transform = shape, transform
        self._opened = opened or (lambda data: [data])
        self._into = Shape(transform.into) if transform is not None else shape

    def answered(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Every record once, in its order: Ok with its lines, Dropped where none are made of it, or ProcessingFailed.

        Firehose puts what failed apart, as it came.
        """
        return {"records": [self._answer(each) for each in event["records"]]}

    def _answer(self, record: Mapping[str, Any]) -> dict[str, Any]:
        name = record["recordId"]
        try:
            bodies = self._opened(base64.b64decode(record["data"]))
            lines = [line for body in bodies for line in self._lines(body)]
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything
            _log.warning("stream %s: a record fails: %s", self._shape.stream.name, error)
            return {"recordId": name, "result": "ProcessingFailed", "data": record["data"]}
        if not lines:
            return {"recordId": name, "result": "Dropped", "data": record["data"]}
        made = base64.b64encode(b"".join(line + b"\n" for line in lines)).decode()
        return {"recordId": name, "result": "Ok", "data": made, "metadata": {"partitionKeys": self._keys(record)}}

    def _lines(self, body: bytes) -> Iterator[bytes]:
        admitted = self._shape.admit(body)
        if self._transform is None:
            yield admitted.body
            return
        given = self._transform.function(self._shape.decode(admitted.body))
        for each in given if isinstance(given, list | tuple | Iterator) else [given]:
            if each is not None:
                yield self._into.admit(msgspec.json.encode(each)).body

    def _keys(self, record: Mapping[str, Any]) -> dict[str, str]:
        """The stream and the hour in which a record came, for `!{partitionKeyFromLambda:hour}` and the like."""
        came = datetime.fromtimestamp(record["approximateArrivalTimestamp"] / 1000, UTC)
        hour = {"year": f"{came:%Y}", "month": f"{came:%m}", "day": f"{came:%d}", "hour": f"{came:%H}"}
        return {"stream": self._into.stream.name, **hour}
