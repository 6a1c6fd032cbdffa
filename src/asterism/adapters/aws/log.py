"""The log in Kinesis: a Kinesis stream for each stream of the platform, a partition for each of its shards."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from botocore.exceptions import ClientError

from asterism.adapters.aws.frames import MOST_BYTES, frames, taken
from asterism.adapters.aws.positions import Kept, Positions
from asterism.adapters.aws.service import Service, code, speaking
from asterism.adapters.aws.shards import Reader, Shard, readable
from asterism.errors import LogError
from asterism.ports.log import Entry, Logged, Offsets, Standing

_BUCKETS = 128
"""Partition keys. Keys of one bucket share frames, and so a shard, however streams are split and merged."""
_MOST_RECORDS, _MOST_AT_ONCE = 500, 4_500_000
"""Frames, and bytes, of one request."""
_MOST_READ = 4_000_000
"""Bytes of bodies that one read answers, but at least one record."""
_PATIENCE = 15.0
"""Seconds for which frames that Kinesis turned away are put again."""
_GLANCE = 0.25
"""Seconds between two questions for new records: a shard answers five a second, to all consumers together."""
_LISTED = 10.0
"""Seconds for which the list of shards is believed."""
_RETENTION = 168
"""Hours for which a stream that is made here keeps its records."""


class KinesisLog:
    """Implements `Log`: `kinesis://prefix?region=…&positions=table&shards=2`; the stream `s` is `prefix-s` at Kinesis.

    What a broker does otherwise than a file:

    - An append is not all or nothing. Where it raises, some of its records may stand; sent again they come twice.
    - Ids are not remembered: who reads must know an id that came before. Tables do by their key, live views by
      what run/seen.py remembers.
    - A record of more than a megabyte is refused. What is kept, and for how long, is set at Kinesis: `trim` does
      nothing, `erase` hides records until they are gone. `Standing` counts nothing.

    Records of one key keep their order: they share a partition key, of which one frame is under way at a time. A shard
    is read when those that it was made of were read to their ends.

    Positions of consumers are kept in the DynamoDB table `positions`. Without one they live as long as this object:
    for functions, which Kinesis itself tells where they are, and live views, whose states have theirs.
    """

    dedupes = False
    numbered = True

    def __init__(self, uri: str, patience: float = _PATIENCE) -> None:
        """Raises UsageError; whether the streams can be had is seen when they are first asked."""
        service = Service.of(uri, ("positions", "shards"))
        self._prefix = service.name
        self._shards = int(service.options.get("shards", "0"))
        self._client = service.client("kinesis")
        table = service.options.get("positions")
        self._positions: Kept | Positions = Positions(service, table) if table else Kept()
        self.keeps_positions = table is not None
        self._patience = patience
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, list[Shard]]] = {}
        self._arns: dict[str, str] = {}
        self._readers: dict[tuple[str, str], dict[str, Reader]] = defaultdict(dict)
        self._turns: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:  # noqa: ARG002 - not here
        """See `Log.append`, and above. An id that stands twice in `entries` is taken once."""
        queues: dict[str, list[Entry]] = defaultdict(list)
        given: set[str] = set()
        fresh = []
        anywhere = random.randrange(_BUCKETS)  # noqa: S311 - where no order is asked for
        for entry in entries:
            if taken(entry) > MOST_BYTES - 100:
                fact = f"a record of {len(entry.body)} bytes is more than Kinesis takes, a megabyte"
                raise LogError(f"the stream {stream}", fact, "Put its large part into the lake, and send where it is.")
            fresh.append(not entry.given or entry.id not in given)
            if entry.given:
                given.add(entry.id)
            if fresh[-1]:
                bucket = crc32(entry.key.encode()) % _BUCKETS if entry.key else anywhere
                queues[str(bucket)].append(entry)
        with self._speaking(stream):
            self._put(stream, {bucket: deque(frames(some)) for bucket, some in queues.items()})
        return fresh

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:
        """See `Log.read`. One request a shard, where nothing was fetched before."""
        until = time.monotonic() + wait
        while True:
            with self._speaking(stream):
                found = self._read(stream, consumer, after, limit)
                hidden = self._positions.hidden(stream) if found else frozenset()
            if kept := [each for each in found if each.id not in hidden]:
                return kept
            left = until - time.monotonic()
            if found:  # all of them were erased
                after = {**after, **{each.partition: each.position for each in found}}
                continue
            if left <= 0:
                return []
            time.sleep(min(_GLANCE, left))

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Log.commit`."""
        with self._speaking(stream):
            self._positions.move(stream, consumer, offsets)

    def standing(self, stream: str) -> Standing:
        """See `Log.standing`. The end is looked for when it is asked for: from the furthest consumer's position on."""
        with self._speaking(stream):
            committed = self._positions.of(stream)
        return Standing(_End(self, stream, committed), committed)

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:  # noqa: ARG002 - the port's
        """Kinesis keeps what its retention says."""
        return 0

    def erase(self, stream: str, ids: Collection[str]) -> int:
        """Hide records until Kinesis lets them go; answers how many ids, for where they stand is not looked up."""
        with self._speaking(stream):
            self._positions.hide(stream, ids)
        return len(ids)

    def close(self) -> None:
        """Connections are the process's own."""

    def end(self, stream: str, known: Mapping[str, int]) -> dict[str, int]:
        """The last position of each shard, read from `known` on. Raises LogError."""
        reached = dict(known)
        with self._speaking(stream):
            readers: dict[str, Reader] = {}
            for shard in self._list(stream):
                reader = readers[shard.id] = Reader(self._client, self._name(stream), shard, self._arn(stream))
                while found := reader.read(reached.get(shard.id, 0), 10_000, _MOST_READ):
                    reached[shard.id] = found[-1].position
        return reached

    def _read(self, stream: str, consumer: str, after: Offsets, limit: int) -> list[Logged]:
        who = (stream, consumer)
        with self._lock:
            turn, readers = self._turns[who], self._readers[who]
        found: list[Logged] = []
        size = 0
        with turn:
            drained = -1
            while not found and drained != (drained := self._drained(readers, after)):  # its children may be read then
                for shard in self._ready(stream, readers, after):
                    reached = after.get(shard.id, 0)
                    if len(found) < limit and size < _MOST_READ:
                        part = readers[shard.id].read(reached, limit - len(found), _MOST_READ - size)
                        found += part
                        size += sum(len(each.body) for each in part)
                    if readers[shard.id].is_drained(reached):
                        self._listed.pop(stream, None)
        return found

    def _ready(self, stream: str, readers: dict[str, Reader], after: Offsets) -> list[Shard]:
        """The shards to be read, the one that is furthest behind first: a busy one holds up no other."""
        shards = self._list(stream)
        for shard in shards:
            known = readers.get(shard.id)
            if known is None:
                readers[shard.id] = Reader(self._client, self._name(stream), shard, self._arn(stream))
            else:
                known.shard = shard  # it may be closed by now
        ready = [
            each for each in readable(shards, readers, after) if not readers[each.id].is_drained(after.get(each.id, 0))
        ]
        return sorted(ready, key=lambda each: readers[each.id].position)

    @staticmethod
    def _drained(readers: Mapping[str, Reader], after: Offsets) -> int:
        return sum(reader.is_drained(after.get(shard, 0)) for shard, reader in readers.items())

    def _put(self, stream: str, queues: dict[str, deque[bytes]]) -> None:
        until, pause = time.monotonic() + self._patience, 0.05
        while queues:
            batch: list[tuple[str, bytes]] = []
            size = 0
            for bucket, waiting in queues.items():
                size += len(waiting[0]) + len(bucket)
                if batch and (size > _MOST_AT_ONCE or len(batch) == _MOST_RECORDS):
                    break
                batch.append((bucket, waiting[0]))
            refused = ""
            for (bucket, _), result in zip(batch, self._request(stream, batch), strict=True):
                if result.get("ErrorCode"):
                    refused = f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"
                    continue
                queues[bucket].popleft()
                if not queues[bucket]:
                    del queues[bucket]
            if refused:
                if time.monotonic() > until:
                    remedy = "Send it again; if this lasts, give the stream more shards."
                    raise LogError(f"the stream {stream}", f"Kinesis takes no more: {refused}", remedy)
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that producers do not meet again
                pause = min(pause * 2, 1.0)

    def _request(self, stream: str, batch: Sequence[tuple[str, bytes]]) -> list[dict[str, Any]]:
        records = [{"PartitionKey": bucket, "Data": data} for bucket, data in batch]
        try:
            return list(self._client.put_records(StreamName=self._name(stream), Records=records)["Records"])
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
        self._make(stream)
        return list(self._client.put_records(StreamName=self._name(stream), Records=records)["Records"])

    def _list(self, stream: str) -> list[Shard]:
        """The shards, the older first; none where there is no such stream."""
        listed = self._listed.get(stream)
        if listed is not None and time.monotonic() - listed[0] < _LISTED:
            return listed[1]
        found: list[Shard] = []
        given: dict[str, Any] = {"StreamName": self._name(stream)}
        try:
            while given:
                page = self._client.list_shards(**given)
                found += [Shard.of(each) for each in page["Shards"]]
                given = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            return []
        self._listed[stream] = (time.monotonic(), found)
        return found

    def _arn(self, stream: str) -> str:
        """Of a stream that is there. Records are asked for by it: an iterator does not tell whose they are."""
        if stream not in self._arns:
            told = self._client.describe_stream_summary(StreamName=self._name(stream))
            self._arns[stream] = told["StreamDescriptionSummary"]["StreamARN"]
        return self._arns[stream]

    def _make(self, stream: str) -> None:
        name = self._name(stream)
        given: dict[str, Any] = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
        if self._shards:
            given = {"ShardCount": self._shards}
        try:
            self._client.create_stream(StreamName=name, **given)
        except ClientError as error:
            if code(error) != "ResourceInUseException":
                raise
        waiter = self._client.get_waiter("stream_exists")
        waiter.wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        with suppress(ClientError):  # a longer one than that stays
            self._client.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=_RETENTION)

    def _name(self, stream: str) -> str:
        safe = re.sub(r"[^a-zA-Z0-9_-]", lambda match: "".join(f".{byte:02x}" for byte in match[0].encode()), stream)
        return f"{self._prefix}-{safe}" if self._prefix else safe

    def _speaking(self, stream: str) -> AbstractContextManager[None]:
        return speaking(LogError, f"the stream {stream} in Kinesis")


class _End(Mapping[str, int]):
    """Where a stream ends, found out when it is first asked."""

    def __init__(self, log: KinesisLog, stream: str, committed: Mapping[str, Offsets]) -> None:
        self._log, self._stream = log, stream
        self._known: dict[str, int] = {}
        for offsets in committed.values():
            for shard, position in offsets.items():
                self._known[shard] = max(position, self._known.get(shard, 0))
        self._found: dict[str, int] | None = None

    @property
    def _offsets(self) -> dict[str, int]:
        if self._found is None:
            self._found = self._log.end(self._stream, self._known)
        return self._found

    def __getitem__(self, shard: str) -> int:
        return self._offsets[shard]

    def __iter__(self) -> Iterator[str]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)
