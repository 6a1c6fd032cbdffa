"""Bodies of requests: read within limits of size, memory and time, and unpacked within them too."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from typing import cast

import zstandard

from asterism.http.asgi import Receive
from asterism.http.problem import SOON, HttpProblem

SECONDS = 30.0
"""In which a body has to have come."""
_AT_ONCE = 8
"""Bodies of the largest size that may be held at once."""
_WINDOW = 2**23
"""The largest window of zstd that every decoder has to take (RFC 9659)."""


class GoneError(HttpProblem):
    """The client went away, or sent what is no body: whoever is still there is told."""

    def __init__(self) -> None:
        super().__init__(400, "The body broke off.", title="Incomplete request", headers={"Connection": "close"})


class DamagedError(Exception):
    """A body cannot be unpacked; `body` is what came."""

    def __init__(self, reason: str, body: bytes) -> None:
        super().__init__(reason)
        self.body = body


class Bodies:
    """Reads bodies. Used by one event loop."""

    def __init__(self, limit: int, seconds: float = SECONDS) -> None:
        self.limit = limit
        self._seconds = seconds
        self._most = max(limit * _AT_ONCE, 2**26)
        self._held = 0
        self._reading: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    def hold(self, size: int) -> None:
        """Count bytes that are held until `release`. Raises HttpProblem 503 where too many are."""
        if self._held + size > self._most:
            detail = "Too many requests are being read at once. Send it again."
            raise HttpProblem(503, detail, title="Too busy", headers=SOON)
        self._held += size

    def release(self, size: int) -> None:
        """The bytes are not held any more."""
        self._held -= size

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """A request's body, held until it is released: unpacked, `limit` bytes at most.

        Raises HttpProblem, GoneError, and DamagedError for one that cannot be unpacked.
        """
        packing = headers.get(b"content-encoding")
        length = headers.get(b"content-length")
        expected = -1 if length is None else int(length)  # the server has checked that it is a number
        self._check(expected)
        if packing is not None and packing.lower() not in _UNPACK:
            detail = f"The content encoding {packing.decode('latin-1')!r} is not known."
            raise HttpProblem(415, detail, headers={"Accept-Encoding": "gzip, zstd, identity"})
        body = await self._in_time(receive, expected)
        return body if packing is None else self._unpacked(packing, body)

    async def _in_time(self, receive: Receive, expected: int) -> bytes:
        """A timer for each request would cost as much as reading it: one looks after all that are being read."""
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._reading[task] = time.monotonic()
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._seconds / 4, self._end_late)
        try:
            return await self._receive(receive, expected)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            detail = f"The body has not come within {self._seconds:g} seconds."
            raise HttpProblem(408, detail, headers={"Connection": "close"}) from None
        finally:
            del self._reading[task]
            self._late.discard(task)

    def _end_late(self) -> None:
        self._sweep = None
        before = time.monotonic() - self._seconds
        for task, begun in self._reading.items():
            if begun < before:
                self._late.add(task)
                task.cancel()
        if self._reading:
            self._sweep = asyncio.get_running_loop().call_later(self._seconds / 4, self._end_late)

    async def _receive(self, receive: Receive, length: int) -> bytes:
        part, more = await _part(receive)
        self.hold(len(part))
        if len(part) == length or not more:
            return part  # the whole of it, as nearly always: the message of its end need not be waited for
        parts, size = [part], len(part)
        try:
            while more and size != length:
                part, more = await _part(receive)
                self.hold(len(part))
                parts.append(part)
                size += len(part)
                self._check(size)
        except BaseException:
            self.release(size)
            raise
        return b"".join(parts)

    def _unpacked(self, packing: bytes, body: bytes) -> bytes:
        try:
            unpacked = _UNPACK[packing.lower()](body, self.limit + 1)
            self._check(len(unpacked))
            self.hold(len(unpacked))
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise DamagedError(f"it is not {packing.decode('latin-1')}: {error}", body) from error
        finally:
            self.release(len(body))
        return unpacked

    def _check(self, size: int) -> None:
        if size > self.limit:
            detail = f"A body may have {self.limit} bytes, unpacked. Send it in parts."
            raise HttpProblem(413, detail, title="Content too large", headers={"Connection": "close"})


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and whether there are more. Raises GoneError."""
    message = await receive()
    if message["type"] != "http.request":
        raise GoneError
    return message.get("body", b""), message.get("more_body", False)


def _gzip(body: bytes, most: int) -> bytes:
    """The members of a gzip file; `most` bytes where there are as many."""
    parts: list[bytes] = []
    size = 0
    while size < most:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(body, most - size))
        size += len(parts[-1])
        if not member.eof:
            if size < most:
                raise EOFError("it ends too early")
            break
        body = member.unused_data
        if not body:
            break
    return b"".join(parts)


def _zstd(body: bytes, most: int) -> bytes:
    """The frames of a zstd file; `most` bytes where there are as many."""
    size = 0
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(body, read_across_frames=True) as reader:
        while part := reader.read(2**20):
            size += len(part)
            if size >= most:
                return bytes(most)
    # A reader takes a frame that breaks off for its end; this does not, but knows no limit.
    parts: list[bytes] = []
    while body:
        frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        parts.append(frame.decompress(body))
        if not frame.eof:
            raise EOFError("it ends too early")
        body = frame.unused_data
    return b"".join(parts)


_UNPACK: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"zstd": _zstd,
    b"identity": lambda body, _most: body,
}
