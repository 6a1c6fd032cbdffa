"""Streams into the lake by Firehose: `firehose://prefix?region=…`; the stream `s` is the delivery stream `prefix-s`."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from asterism.adapters.aws.service import Service, speaking
from asterism.errors import LogError

_MOST_BYTES = 1_024_000
"""Of a record, before it is encoded."""
_FILLED = 200_000
"""Bytes from which a record takes no further line: Firehose bills records by five kilobytes begun."""
_MOST_AT_ONCE = 4_000_000
"""Bytes of the records of one request. It may have 500, and two that follow each other fill one: fifty have so much."""
_PATIENCE = 15.0
"""Seconds for which records that Firehose turned away are put again."""


class FirehoseDelivery:
    """Implements `Delivery`. Terraform makes the delivery streams: what is not there is refused."""

    def __init__(self, uri: str, patience: float = _PATIENCE) -> None:
        """Raises UsageError; whether the streams can be had is seen when something is put."""
        service = Service.of(uri)
        self._prefix, self._client, self._patience = service.name, service.client("firehose"), patience

    def put(self, stream: str, lines: Sequence[bytes]) -> None:
        """See `Delivery.put`. Of a request that Firehose takes in part, the rest alone is put again."""
        name = f"{self._prefix}-{stream}" if self._prefix else stream
        if (largest := max(map(len, lines), default=0)) >= _MOST_BYTES:
            fact = f"a record of {largest} bytes is more than Firehose takes, 1,000 KiB"
            raise LogError(f"the stream {stream}", fact, "Put its large part into the lake, and send where it is.")
        waiting = [*packed(lines)]
        until, pause = time.monotonic() + self._patience, 0.05
        while waiting:
            count = _fitting(waiting)
            with speaking(LogError, f"the stream {stream} in Firehose"):
                records = [{"Data": data} for data in waiting[:count]]
                answer = self._client.put_record_batch(DeliveryStreamName=name, Records=records)
            told: list[dict[str, Any]] = answer["RequestResponses"]
            refused = [data for data, each in zip(waiting[:count], told, strict=True) if each.get("ErrorCode")]
            waiting = refused + waiting[count:]
            if not refused:
                continue
            if time.monotonic() > until:
                last = next(each for each in told if each.get("ErrorCode"))
                fact = f"Firehose takes no more: {last['ErrorCode']}: {last.get('ErrorMessage', '')}"
                raise LogError(
                    f"the stream {stream}", fact, "Send it again; if this lasts, ask AWS for a higher quota."
                )
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that producers do not meet again
            pause = min(pause * 2, 1.0)


def packed(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Lines as records of Firehose, each with its line break: small ones together."""
    part, size = list[bytes](), 0
    for line in lines:
        if part and size + len(line) >= _FILLED:
            yield b"\n".join([*part, b""])
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield b"\n".join([*part, b""])


def _fitting(records: Sequence[bytes]) -> int:
    """How many of these go into one request."""
    size = 0
    for count, data in enumerate(records):
        size += len(data)
        if count and size > _MOST_AT_ONCE:
            return count
    return len(records)
