"""How one consumer reads the shards of one Kinesis stream: what was fetched, and where to go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from asterism.adapters.aws.frames import sequence_of, unpacked
from asterism.adapters.aws.service import code
from asterism.ports.log import Logged

_EMPTY = 20
"""Answers without records in a row for which a reader that is behind goes on at once."""
_LOST = frozenset({"ExpiredIteratorException", "InvalidArgumentException"})


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as Kinesis lists it."""

    id: str
    parents: tuple[str, ...]
    """Of which it was made, by a split or a merge, and which are to be read to their ends before it."""
    closed: bool

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Shard:
        """Read an item of ListShards."""
        parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
        closed = "EndingSequenceNumber" in listed.get("SequenceNumberRange", {})
        return cls(listed["ShardId"], tuple(each for each in parents if each), closed)


@dataclass(slots=True)
class Reader:
    """Reads one shard. Used by one thread at a time."""

    client: Any
    stream: str
    """Its name at Kinesis."""
    shard: Shard
    arn: str
    position: int = 0
    """Of the last record that was handed out."""
    ended: bool = False
    """Whether the shard is closed, and nothing is behind what was fetched."""
    tip: bool = False
    """Whether nothing newer was there when it was last asked."""
    _iterator: str | None = None
    _ahead: deque[Logged] = field(default_factory=deque)

    def read(self, after: int, limit: int, most_bytes: int) -> list[Logged]:
        """Records beyond a position; Kinesis is asked where none were fetched before. Raises what boto3 does."""
        if after != self.position:
            self.position, self._iterator, self.ended = after, None, False
            self._ahead.clear()
        if not self._ahead and not self.ended:
            self._fetch(limit)
        found: list[Logged] = []
        size = 0
        while self._ahead and len(found) < limit:
            size += len(self._ahead[0].body)
            if found and size > most_bytes:
                break
            found.append(self._ahead.popleft())
        if found:
            self.position = found[-1].position
        return found

    def is_drained(self, after: int) -> bool:
        """Whether all of it was read by who has read up to `after`."""
        return self.ended and not self._ahead and self.position == after

    def _fetch(self, limit: int) -> None:
        for _ in range(_EMPTY):  # an answer may be empty, though more is there
            answer = self._answer(limit)
            self._iterator = answer.get("NextShardIterator")
            self.tip = not answer.get("MillisBehindLatest")
            # The one tells the end at AWS; servers that stand in for it go on handing out iterators.
            self.ended = self._iterator is None or (self.shard.closed and self.tip and not answer["Records"])
            for each in answer["Records"]:
                at, key = each["ApproximateArrivalTimestamp"], each["PartitionKey"]
                records = unpacked(self.shard.id, each["SequenceNumber"], at, key, each["Data"])
                self._ahead.extend(one for one in records if one.position > self.position)
            if self._ahead or self.ended or self.tip:
                return

    def _answer(self, limit: int) -> Any:
        asked = {"Limit": min(limit, 10_000), "StreamARN": self.arn}
        if self._iterator is not None:
            try:
                return self.client.get_records(ShardIterator=self._iterator, **asked)
            except ClientError as error:
                if code(error) != "ExpiredIteratorException":
                    raise
        self._iterator = self._begin()
        return self.client.get_records(ShardIterator=self._iterator, **asked)

    def _begin(self) -> str:
        """An iterator at the frame of the last record: more of that frame may be behind it."""
        where: dict[str, str] = {"StreamName": self.stream, "ShardId": self.shard.id}
        if self.position > 0:
            try:
                given = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", **where}
                answer = self.client.get_shard_iterator(**given, StartingSequenceNumber=sequence_of(self.position))
                return str(answer["ShardIterator"])
            except ClientError as error:
                if code(error) not in _LOST:  # a stream that was made anew, or a record that is no longer kept
                    raise
        answer = self.client.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **where)
        return str(answer["ShardIterator"])


def readable(shards: Sequence[Shard], readers: Mapping[str, Reader], after: Mapping[str, int]) -> list[Shard]:
    """The shards that may be read by now: those whose parents, where they are still kept, were read to their ends."""
    listed = {each.id for each in shards}

    def is_drained(parent: str) -> bool:
        reader = readers.get(parent)
        return reader is not None and reader.is_drained(after.get(parent, 0))

    def may_be(shard: Shard) -> bool:
        return shard.id in after or all(is_drained(each) for each in shard.parents if each in listed)

    return [each for each in shards if may_be(each)]
