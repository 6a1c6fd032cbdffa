"""`POST /streams/{name}`: records come in. Plain ASGI, since this is the path whose speed decides.

A 202 is sent when the records are on disk, and what was refused is in quarantine; never before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import msgspec

from asterism.declare.stream import Stream
from asterism.errors import LogError
from asterism.http.access import Access
from asterism.http.append import Appender
from asterism.http.asgi import Receive, Scope, Send
from asterism.http.body import Bodies, DamagedError
from asterism.http.ids import Ids
from asterism.http.problem import JSON, SOON, HttpProblem, answer
from asterism.http.take import Taken, Taker
from asterism.project.nearest import suggestion
from asterism.run.quarantine import STREAM, Refused, entries

PREFIX = "/streams/"
_LARGE = 2**17
"""Bytes of a body that is taken on a thread of its own, so that small ones need not wait for it."""
_log = logging.getLogger(__name__)


class _Accepted(msgspec.Struct, frozen=True):
    accepted: int
    """Duplicates included: they are in the log."""
    duplicates: int
    ids: list[str]
    refused: list[dict[str, Any]]


_ENCODER = msgspec.json.Encoder()


class Ingest:
    """The ingest path. Used by one event loop; `large` is an executor of one thread."""

    def __init__(
        self, streams: Sequence[Stream], access: Access, bodies: Bodies, appender: Appender, large: Executor
    ) -> None:
        self._takers = {stream.name: Taker(stream) for stream in streams}
        self._needed = {s.name: None if s.public else f"ingest:{s.name}" for s in streams}
        self._access = access
        self._bodies = bodies
        self._appender = appender
        self._large = large
        self._ids, self._large_ids = Ids(), Ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path begins with PREFIX."""
        try:
            await self._serve(scope, receive, send)
        except HttpProblem as problem:
            await problem.answer(send)
        except LogError as error:
            _log.warning("%s: %s", error.subject, error.fact)
            detail = "The log cannot take more at present. Send it again."
            await HttpProblem(503, detail, title="Log unavailable", headers=SOON).answer(send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"][len(PREFIX) :]
        taker = self._takers.get(name)
        if taker is None:
            raise _unknown(name[:100], self._takers)
        if scope["method"] != "POST":
            raise HttpProblem(405, "Records are sent by POST.", headers={"Allow": "POST, OPTIONS"})
        headers = dict(scope["headers"])
        self._access.admit(scope, headers, self._needed[name])
        body = await self._read(taker, receive, headers)
        try:
            await self._take(taker, headers, body, send)
        finally:
            self._bodies.release(len(body))

    async def _read(self, taker: Taker, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        try:
            return await self._bodies.read(receive, headers)
        except DamagedError as error:
            refused = taker.refuse(str(error), error.body)
            await self._appender.append(STREAM, entries([refused]))
            raise _nothing([(0, refused)], "Malformed body") from error

    async def _take(self, taker: Taker, headers: Mapping[bytes, bytes], body: bytes, send: Send) -> None:
        if len(body) < _LARGE:
            taken = taker.take(headers, body, self._ids)
        else:
            loop = asyncio.get_running_loop()
            taken = await loop.run_in_executor(self._large, taker.take, headers, body, self._large_ids)
        if not taken.refused:
            new = await self._appender.append(taker.stream, taken.entries)
        else:
            aside = self._appender.append(STREAM, entries([refused for _, refused in taken.refused]))
            if not taken.entries:
                await aside
                raise _nothing(taken.refused, "Malformed JSON" if taken.malformed else "No record can be taken")
            new, _ = await asyncio.gather(self._appender.append(taker.stream, taken.entries), aside)
        await answer(send, 202, _accepted(taken, new), JSON)


def _unknown(name: str, known: Iterable[str]) -> HttpProblem:
    return HttpProblem(404, f"There is no stream {name!r}. {suggestion(name, known)}".strip())


def _accepted(taken: Taken, new: list[bool]) -> bytes:
    ids = [entry.id for entry in taken.entries]
    return _ENCODER.encode(_Accepted(len(ids), new.count(False), ids, _listed(taken.refused)))


def _listed(refused: Iterable[tuple[int, Refused]]) -> list[dict[str, Any]]:
    return [{"index": place, "reason": each.reason} for place, each in refused]


def _nothing(refused: list[tuple[int, Refused]], title: str) -> HttpProblem:
    more = {"accepted": 0, "duplicates": 0, "ids": [], "refused": _listed(refused)}
    detail = "Nothing was accepted. What was sent is in quarantine."
    return HttpProblem(400, detail, title=title, more=more)
