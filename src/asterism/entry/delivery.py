"""Records on their way through Firehose: each answered under its own id, as JSON lines, with keys for its folder."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asterism.declare.stream import Stream, Transform
from asterism.errors import LogError
from asterism.ports.log import Log
from asterism.run.delivery import DeliveringLog
from asterism.run.records import Shape, logged
from asterism.run.transform import TransformWorker

Made = Callable[[bytes], Iterable[bytes]]
"""Of the data of a record of Firehose to lines. Raises LogError where it is to be tried again, and anything else where
the data are none of ours."""
_log = logging.getLogger(__name__)


class Delivery:
    """What becomes of the records of one delivery on their way: lines of `stream`."""

    def __init__(self, stream: Stream, made: Made) -> None:
        self._stream, self._made = stream, made

    def answered(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Every record once, in its order: Ok with its lines, Dropped where none are made of it, or ProcessingFailed.

        Firehose puts what failed apart, as it came. Raises LogError: then it calls again.
        """
        return {"records": [self._answer(each) for each in event["records"]]}

    def _answer(self, record: Mapping[str, Any]) -> dict[str, Any]:
        name = record["recordId"]
        try:
            lines = [*self._made(base64.b64decode(record["data"]))]
        except LogError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever somebody put there
            _log.warning("stream %s: a record fails: %s", self._stream.name, error)
            return {"recordId": name, "result": "ProcessingFailed", "data": record["data"]}
        if not lines:
            return {"recordId": name, "result": "Dropped", "data": record["data"]}
        made = base64.b64encode(b"".join(line + b"\n" for line in lines)).decode()
        return {"recordId": name, "result": "Ok", "data": made, "metadata": {"partitionKeys": self._keys(record)}}

    def _keys(self, record: Mapping[str, Any]) -> dict[str, str]:
        """The stream and the hour in which a record came, for `!{partitionKeyFromLambda:hour}` and the like."""
        came = datetime.fromtimestamp(record["approximateArrivalTimestamp"] / 1000, UTC)
        hour = {"year": f"{came:%Y}", "month": f"{came:%m}", "day": f"{came:%d}", "hour": f"{came:%H}"}
        return {"stream": self._stream.name, **hour}


def opened(stream: Stream, bodies: Callable[[bytes], Sequence[bytes]]) -> Delivery:
    """A stream as it came: the records that the log packed into one, which `bodies` answers."""
    shape = Shape(stream)
    return Delivery(stream, lambda data: [shape.admit(body).body for body in bodies(data)])


def transformed(transform: Transform, log: Log) -> Delivery:
    """What a transform makes of a stream that goes to the lake alone; what it raises on is set aside in `log`."""
    taken = _Taken()
    names = {transform.into.name}
    worker = TransformWorker(transform, DeliveringLog(log, taken, lambda: names))

    def made(data: bytes) -> Sequence[bytes]:
        taken.lines = []
        worker.work(logged(data))
        return taken.lines

    return Delivery(transform.into, made)


class _Taken:
    """Implements `asterism.ports.delivery.Delivery`: the answer is what takes the lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, stream: str, lines: Sequence[bytes]) -> None:  # noqa: ARG002 - it is one stream
        self.lines += lines
