"""Sends events to any HTTP server: raw sockets on one event loop, and as little work of its own as can be.

Each connection sends for one door, one request after the other. Without `rate` it sends the next when the last is
answered. With `rate`, requests are due at fixed moments, and what a request waits because the one before it was late
counts: its time runs from the moment at which it was due.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import uvloop

_GRACE = 30.0


@dataclass
class Load:
    """What is sent, and what came of it."""

    port: int
    path: str
    seconds: float
    token: str = ""
    connections: int = 64
    rate: float = 0.0
    """Requests a second of all connections together; 0: as many as can be."""
    batch: int = 1
    """Events of a request; more than one are sent as lines."""
    keyed: bool = True
    """Whether requests carry a key of idempotency."""
    kept: bool = False
    """Whether the times and the ids that came back are told, event by event."""
    waits: list[float] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    sent: list[tuple[str, int, float, str]] = field(default_factory=list)
    """Door, number, seconds since 1970 at which it was due, id."""
    run: str = field(default_factory=lambda: os.urandom(4).hex())
    """Part of every door's name, and of every key: no event is like one of another run."""
    open: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    answered: float = 0.0
    took: float = 0.0
    """Seconds until the last answer."""

    def head(self) -> bytes:
        """What every request begins with."""
        kind = "application/json" if self.batch == 1 else "application/x-ndjson"
        lines = [f"POST {self.path} HTTP/1.1", "Host: bench", f"Content-Type: {kind}"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join(lines).encode() + b"\r\n"


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load, number: int, begin: float) -> None:
        self._load, self._number = load, number
        self._door = f"door-{load.run}-{number}"
        self._head = load.head()
        self._every = load.connections / load.rate if load.rate else 0.0
        self._due = begin + self._every * number / load.connections
        self._end = begin + load.seconds
        self._count = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # that of uvloop is none by inheritance
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not (ended and _is_whole(head, body)):
            return
        load, now = self._load, time.perf_counter()
        load.answered = now
        load.waits.append(now - self._due)
        if head[9:10] != b"2":
            load.bad.append(self._answer)
        elif load.kept:
            moment = self._moment.timestamp()
            load.sent.append((self._door, self._count, moment, _id(body)))
        self._answer = b""
        self._due = self._due + self._every if self._every else now
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        self._load.open -= 1
        if not self._load.open:
            self._load.ended.set()

    def _next(self) -> None:
        if self._due >= self._end:
            self._transport.close()
            return
        wait = self._due - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._moment = datetime.fromtimestamp(time.time() - (time.perf_counter() - self._due), UTC)
        stamp = self._moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
        records = []
        for _ in range(self._load.batch):
            self._count += 1
            records.append(f'{{"service":"{self._door}","event":1,"n":{self._count},"sent":"{stamp}"}}')
        body = "\n".join(records).encode()
        key = f"Idempotency-Key: {self._load.run}-{self._number}-{self._count}\r\n" if self._load.keyed else ""
        self._transport.write(self._head + f"{key}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _is_whole(head: bytes, body: bytes) -> bool:
    _, told, rest = head.lower().partition(b"\r\ncontent-length:")
    return len(body) >= int(rest.partition(b"\r\n")[0]) if told else body.endswith(b"0\r\n\r\n")


def _id(body: bytes) -> str:
    """The id that an event was given, in an answer of Asterism's, whole or in chunks."""
    return body.partition(b'"ids":["')[2].partition(b'"')[0].decode()


async def _send_all(load: Load) -> None:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter() + 0.2
    load.open = load.connections
    for number in range(load.connections):
        await loop.create_connection(lambda n=number: Connection(load, n, begin), "127.0.0.1", load.port)  # type: ignore[misc]
    with suppress(TimeoutError):
        await asyncio.wait_for(load.ended.wait(), load.seconds + _GRACE)
    load.took = load.answered - begin


def main(load: Load) -> dict[str, object]:
    used = time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_send_all(load))
    used = time.process_time() - used
    if not load.waits:
        sys.exit("nothing was answered")
    load.waits.sort()
    count = len(load.waits)
    return {
        "events": count * load.batch / load.took,
        "p50": load.waits[count // 2],
        "p99": load.waits[count * 99 // 100],
        "cpu": used / load.took,
        "answered": count * load.batch,
        "unanswered": load.open,
        "bad": [answer[:300].decode("latin-1") for answer in load.bad[:1]],
        "sent": load.sent,
        "waits": load.waits if load.kept else [],
    }


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given.pop("scratch", None)
    print(json.dumps(main(Load(**given))))
