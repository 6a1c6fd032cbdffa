"""Kinesis where the emulators are not like it: shards that are split and merged keep their records, and end.

Written from the service's API reference: PutRecords, DescribeStreamSummary, ListShards, GetShardIterator, GetRecords,
SplitShard, MergeShards, of one stream. An answer of GetRecords has ten megabytes at most, may be empty though more is
there, and tells by a missing iterator that a closed shard has ended.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count
from typing import Any

from target_server import Answer, Request, answering

_WHOLE = 2**128
_BOUND = 10_000_000


@dataclass
class _Shard:
    id: str
    first: int
    last: int
    parents: tuple[str, ...]
    start: str
    end: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)


class Stream:
    """One stream, which begins with one shard."""

    def __init__(self) -> None:
        self.shards: list[_Shard] = []
        self._numbers = count(49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898, 7)
        self._lock = threading.Lock()
        self._hollow = True
        self._open(0, _WHOLE - 1, ())

    def split(self) -> None:
        """Each open shard becomes two."""
        with self._lock:
            for shard in [each for each in self.shards if each.end is None]:
                shard.end = self._next()
                middle = (shard.first + shard.last) // 2
                self._open(shard.first, middle, (shard.id,))
                self._open(middle + 1, shard.last, (shard.id,))

    def merge(self) -> None:
        """The first two open shards become one."""
        with self._lock:
            one, two = [each for each in self.shards if each.end is None][:2]
            one.end = two.end = self._next()
            self._open(one.first, two.last, (one.id, two.id))

    def forget(self, shard: int) -> None:
        """A closed shard's time is over."""
        with self._lock:
            del self.shards[shard]

    def _open(self, first: int, last: int, parents: tuple[str, ...]) -> None:
        number = int(self.shards[-1].id[-12:]) + 1 if self.shards else 0
        self.shards.append(_Shard(f"shardId-{number:012d}", first, last, parents, self._next()))

    def _next(self) -> str:
        return str(next(self._numbers))

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            answered: dict[str, Any] = getattr(self, f"_{operation}")(**given)
            return answered

    def _PutRecords(self, Records: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        told = []
        for each in Records:
            place = int.from_bytes(md5(each["PartitionKey"].encode()).digest())
            (shard,) = (one for one in self.shards if one.end is None and one.first <= place <= one.last)
            number = self._next()
            shard.records.append({**each, "SequenceNumber": number, "ApproximateArrivalTimestamp": time.time()})
            told.append({"SequenceNumber": number, "ShardId": shard.id})
        return {"FailedRecordCount": 0, "Records": told}

    def _DescribeStreamSummary(self, StreamName: str) -> dict[str, Any]:
        arn = f"arn:aws:kinesis:eu-west-2:123456789012:stream/{StreamName}"
        return {"StreamDescriptionSummary": {"StreamName": StreamName, "StreamARN": arn}}

    def _ListShards(self, **_: Any) -> dict[str, Any]:
        shards = []
        for each in self.shards:
            numbers = {"StartingSequenceNumber": each.start} | ({"EndingSequenceNumber": each.end} if each.end else {})
            told: dict[str, Any] = {"ShardId": each.id, "SequenceNumberRange": numbers}
            told["HashKeyRange"] = {"StartingHashKey": str(each.first), "EndingHashKey": str(each.last)}
            told |= dict(zip(("ParentShardId", "AdjacentParentShardId"), each.parents, strict=False))
            shards.append(told)
        return {"Shards": shards}

    def _GetShardIterator(
        self, ShardId: str, ShardIteratorType: str, StartingSequenceNumber: str = "", **_: Any
    ) -> dict[str, Any]:
        (shard,) = (each for each in self.shards if each.id == ShardId)
        place = 0
        if ShardIteratorType == "AT_SEQUENCE_NUMBER":
            least = int(StartingSequenceNumber)
            place = sum(int(each["SequenceNumber"]) < least for each in shard.records)
        return {"ShardIterator": f"{ShardId}/{place}"}

    def _GetRecords(self, ShardIterator: str, Limit: int = 10_000, **_: Any) -> dict[str, Any]:
        shard_id, _, place = ShardIterator.partition("/")
        (shard,) = (each for each in self.shards if each.id == shard_id)
        self._hollow = not self._hollow
        taken, size = [], 0
        for each in [] if self._hollow else shard.records[int(place) : int(place) + Limit]:
            size += len(base64.b64decode(each["Data"]))
            if taken and size > _BOUND:
                break
            taken.append(each)
        reached = int(place) + len(taken)
        behind = reached < len(shard.records)
        told: dict[str, Any] = {"Records": taken, "MillisBehindLatest": 1000 if behind else 0}
        if behind or shard.end is None:
            told["NextShardIterator"] = f"{shard_id}/{reached}"
        return told


@contextmanager
def serving() -> Iterator[tuple[str, Stream]]:
    """Its address, and the stream behind it."""
    stream = Stream()

    def answer(request: Request) -> Answer:
        told = stream.answer(request.target.rpartition(".")[2], json.loads(request.body))
        return Answer(json.dumps(told).encode())

    with answering(answer) as url:
        yield url, stream
