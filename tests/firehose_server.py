"""Firehose where the emulator is not like it: it buffers, has records transformed in batches, and writes one object a
buffer.

Written from the service's developer guide: PutRecordBatch, which takes some records of a request and not the others,
the transformation's contract (every record id once, Ok, Dropped or ProcessingFailed, data in base 64, six megabytes an
invocation, three more tries of a call that fails), dynamic partitioning by keys from the function, prefixes with
timestamps and error types, GZIP, and the copy of the source records as they came. Its caller's clock drives it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any

from target_server import Answer, Request, answering

_INVOCATION = 6_000_000
_KEY = re.compile(r"!\{(timestamp|partitionKeyFromLambda|firehose):([^}]+)\}")
_TIMES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}


class ContractError(Exception):
    """The function broke the contract: Firehose would fail the whole batch."""


@dataclass
class Firehose:
    """One delivery stream; `objects` is the bucket. Without a transformation there is no copy of the source records."""

    transform: Callable[[dict[str, Any]], dict[str, Any]] | None
    prefix: str
    error_prefix: str
    backup_prefix: str
    now: datetime
    buffer_bytes: int = 1_000_000
    buffer_time: timedelta = timedelta(seconds=60)
    compressed: bool = True
    turns_away: Callable[[bytes], bool] = lambda _: False
    """Of which records it says that it cannot take them now."""
    objects: dict[str, bytes] = field(default_factory=dict)
    invocations: int = 0
    _numbers: Any = field(default_factory=lambda: count(1))
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _buffers: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _since: datetime | None = None
    _lock: Any = field(default_factory=Lock)

    def put_record_batch(self, records: list[bytes]) -> dict[str, Any]:
        """As the API: 500 records, a thousand KiB each and four MiB together at most."""
        if not 1 <= len(records) <= 500 or sum(map(len, records)) > 4 << 20:
            raise ContractError("a batch has 1 to 500 records, and 4 MiB at most")
        if any(len(data) > 1_024_000 for data in records):
            raise ContractError("a record has 1,000 KiB at most")
        with self._lock:
            return self._put(records)

    def _put(self, records: list[bytes]) -> dict[str, Any]:
        answers = []
        for data in records:
            if self.turns_away(data):
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
                continue
            name = f"{next(self._numbers):056d}"
            encoded = base64.b64encode(data).decode()
            at = round(self.now.timestamp() * 1000)
            self._waiting.append({"recordId": name, "data": encoded, "approximateArrivalTimestamp": at})
            answers.append({"RecordId": name})
        self._since = self._since or self.now
        if sum(len(each["data"]) for each in self._waiting) >= self.buffer_bytes:
            self.flush()
        return {"FailedPutCount": sum("ErrorCode" in each for each in answers), "RequestResponses": answers}

    def pass_time(self, step: timedelta) -> None:
        """Let the clock go on; what has waited for long enough is delivered."""
        self.now += step
        if self._since is not None and self.now - self._since >= self.buffer_time:
            self.flush()

    def flush(self) -> None:
        """Transform what waits, and write each buffer as an object."""
        waiting, self._waiting, self._since = self._waiting, [], None
        while waiting:
            batch: list[dict[str, Any]] = []
            while waiting and (not batch or sum(len(e["data"]) for e in batch) + len(waiting[0]["data"]) < _INVOCATION):
                batch.append(waiting.pop(0))
            self._deliver(batch)
        for prefix, parts in self._buffers.items():
            whole = b"".join(parts)
            name = f"{prefix}stream-1-{self.now:%Y-%m-%d-%H-%M-%S}-{next(self._numbers)}"
            self.objects[f"{name}.gz" if self.compressed else name] = gzip.compress(whole) if self.compressed else whole
        self._buffers.clear()

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        if self.transform is None:
            for each in batch:
                self._buffers[self._placed(self.prefix, {}, "")].append(base64.b64decode(each["data"]))
            return
        for each in batch:
            self._buffers[self._placed(self.backup_prefix, {}, "")].append(base64.b64decode(each["data"]))
        arn = "arn:aws:firehose:eu-west-2:123456789012:deliverystream/stream"
        event = {"invocationId": "1", "deliveryStreamArn": arn, "region": "eu-west-2", "records": batch}
        told = self._called(event)
        if told is None:
            self._fail(batch, "Lambda.InvocationFailed")
            return
        if len(json.dumps(told)) > _INVOCATION:
            raise ContractError("an answer has 6 MB at most")
        answers = {each["recordId"]: each for each in told["records"]}
        if len(told["records"]) != len(batch) or answers.keys() != {each["recordId"] for each in batch}:
            raise ContractError("every record id is answered once")
        for each in batch:
            answer = answers[each["recordId"]]
            if answer["result"] == "Ok":
                keys = answer.get("metadata", {}).get("partitionKeys", {})
                self._buffers[self._placed(self.prefix, keys, "")].append(
                    base64.b64decode(answer["data"], validate=True)
                )
            elif answer["result"] == "ProcessingFailed":
                self._fail([each], "Lambda.ProcessingFailedStatus")
            elif answer["result"] != "Dropped":
                raise ContractError(f"{answer['result']!r} is no result")

    def _called(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The function's answer; None where it failed four times."""
        assert self.transform is not None
        for _ in range(4):
            self.invocations += 1
            try:
                return self.transform(event)
            except Exception:  # noqa: BLE001 - a function may raise anything, and is called again
                continue
        return None

    def _fail(self, batch: list[dict[str, Any]], code: str) -> None:
        for each in batch:
            failed = {"attemptsMade": 1, "errorCode": code, "rawData": each["data"]}
            line = json.dumps(failed).encode() + b"\n"
            self._buffers[self._placed(self.error_prefix, {}, "processing-failed")].append(line)

    def _placed(self, prefix: str, keys: dict[str, str], kind: str) -> str:
        def value(match: re.Match[str]) -> str:
            space, name = match.groups()
            if space == "partitionKeyFromLambda":
                if name not in keys:
                    raise ContractError(f"the prefix names the key {name}, and the function gave none")
                return keys[name]
            if space == "firehose":
                return kind
            for theirs, ours in _TIMES.items():
                name = name.replace(theirs, self.now.strftime(ours))
            return name

        return _KEY.sub(value, prefix)


@contextmanager
def serving(streams: Mapping[str, Firehose], asked: list[int] | None = None) -> Iterator[str]:
    """The API over HTTP, of delivery streams by name. `asked` is told how many records each request had."""

    def answer(request: Request) -> Answer:
        given = json.loads(request.body)
        stream = streams.get(given["DeliveryStreamName"])
        if stream is None:
            return _error("ResourceNotFoundException", f"Firehose {given['DeliveryStreamName']} not found.")
        if request.target != "Firehose_20150804.PutRecordBatch":
            return _error("UnknownOperationException", request.target)
        if asked is not None:
            asked.append(len(given["Records"]))
        try:
            told = stream.put_record_batch([base64.b64decode(each["Data"]) for each in given["Records"]])
        except ContractError as error:
            return _error("InvalidArgumentException", str(error))
        return Answer(json.dumps(told | {"Encrypted": True}).encode())

    with answering(answer) as url:
        yield url


def _error(kind: str, message: str) -> Answer:
    return Answer(json.dumps({"__type": kind, "message": message}).encode(), 400)
