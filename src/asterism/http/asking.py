"""Questions to the `run` that holds the warehouse, over connections that are kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from asterism.http.problem import SOON, HttpProblem
from asterism.run.control import address, revive
from asterism.run.wish import Refusal, Reply, Wish

_MOST = 8
"""Questions under way at once; `run` has fewer readers than that."""
_WAITING = 256
_LONGEST_LINE = 2**20

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_encoder = msgspec.json.Encoder()


class _Head(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] | None = None
    bytes: int = 0
    progress: list[Any] | None = None


_head = msgspec.json.Decoder(_Head)
_reply = msgspec.json.Decoder(Reply)
_refusal = msgspec.json.Decoder(Refusal)


class Asker:
    """Asks. Used by one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._idle: list[Connection] = []
        self._gate = asyncio.Semaphore(_MOST)
        self._waiting = 0

    async def ask(self, wish: Wish) -> tuple[Reply | Refusal, bytes]:
        """The answer, and its body where it is small. Cancelled, the question is stopped there as well.

        Raises HttpProblem 503 where no `run` works, or too many ask, and what `run` raises.
        """
        if self._waiting >= _WAITING:
            raise HttpProblem(503, "Too many questions are asked at once.", title="Too busy", headers=SOON)
        self._waiting += 1
        try:
            async with self._gate:
                return await self._asked(wish)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let go of the connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _asked(self, wish: Wish) -> tuple[Reply | Refusal, bytes]:
        line = _encoder.encode({"verb": "ask", "arguments": wish}) + b"\n"
        while self._idle:
            connection = self._idle.pop()
            with suppress(OSError, EOFError):  # `run` was started anew; a question may be asked twice
                return await self._exchange(connection, line)
        try:
            connection = await asyncio.open_unix_connection(address(self._folder), limit=_LONGEST_LINE)
            return await self._exchange(connection, line)
        except (OSError, EOFError) as error:
            detail = "No `asterism run` works on this stage."
            raise HttpProblem(503, detail, title="Not running", headers={"Retry-After": "5"}) from error

    async def _exchange(self, connection: Connection, line: bytes) -> tuple[Reply | Refusal, bytes]:
        reader, writer = connection
        try:
            writer.write(line)
            head = _head.decode(await reader.readuntil(b"\n"))
            body = await reader.readexactly(head.bytes) if head.bytes else b""
        except BaseException:
            writer.close()  # which stops the question
            raise
        self._idle.append(connection)
        if head.error is not None:
            error = revive(head.error)
            raise HttpProblem(503, f"{error.subject}: {error.fact}", headers=SOON)
        found = bytes(head.result)
        return (_refusal if b'"kind":' in found[:10] else _reply).decode(found), body
