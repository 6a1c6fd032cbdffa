"""Changes of live views, as server-sent events.

A follower is told the states themselves, each key once with its latest value, however far it was behind: what it has
not taken yet is kept nowhere but in the view, so that a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from asterism.http.problem import HttpProblem
from asterism.ports.state import Kept, State

HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it lives."""
_EVERY = 0.02
_MOST_FOLLOWERS = 500
_AT_ONCE = 1000
_ENCODER = msgspec.json.Encoder()


class Changes:
    """Followers of views: one look at a view's version serves all of them. Used by one event loop."""

    def __init__(self, states: State, heartbeat: float = HEARTBEAT) -> None:
        self._states = states
        self._heartbeat = heartbeat
        self._followers = 0
        self._waiting: dict[str, set[tuple[int, asyncio.Future[None]]]] = {}
        self._polls: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    def follow(self, view: str, since: int, allowed: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Events of what changed since version `since`, as long as `allowed`. Raises HttpProblem: too many follow."""
        if self._followers >= _MOST_FOLLOWERS:
            raise HttpProblem(503, "Too many follow changes.", title="Too busy", headers={"Retry-After": "30"})
        return self._follow(view, since, allowed)

    async def _follow(self, view: str, since: int, allowed: Callable[[], bool]) -> AsyncIterator[bytes]:
        self._followers += 1
        try:
            yield b"retry: 1000\n\n"
            while not self._stopped and allowed():
                header, found = await asyncio.to_thread(self._states.watch, view, since, _AT_ONCE)
                if header.version < since:
                    since = 0  # the states were lost, and are made anew
                elif found:
                    since = found[-1][0]
                    yield _events(found)
                elif not await self._beyond(view, since):
                    yield b": nothing new\n\n"
        finally:
            self._followers -= 1

    def stop(self) -> None:
        """End all streams: their clients come again."""
        self._stopped = True
        for waiting in self._waiting.values():
            for _, future in waiting:
                _wake(future)

    async def _beyond(self, view: str, version: int) -> bool:
        """Wait until a view is beyond a version, or a heartbeat is due; answer whether it is."""
        if self._stopped:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(view, set())
        waiting.add((version, future))
        if view not in self._polls or self._polls[view].done():
            self._polls[view] = asyncio.create_task(self._poll(view))
        try:
            await asyncio.wait_for(future, self._heartbeat)
        except TimeoutError:
            return False
        finally:
            waiting.discard((version, future))
        return True

    async def _poll(self, view: str) -> None:
        """Look at a view's version as long as somebody waits for it."""
        waiting = self._waiting[view]
        while waiting:
            try:
                header, _ = await asyncio.to_thread(self._states.watch, view, 0, 0)
            except Exception:  # noqa: BLE001 - the followers meet it themselves, and tell it
                header = None
            for version, future in [*waiting]:
                if header is None or header.version != version:
                    _wake(future)
            await asyncio.sleep(_EVERY)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _events(found: list[tuple[int, Kept | tuple[str, str]]]) -> bytes:
    """An event a state; the last of each version carries its id, so that resuming repeats rather than omits."""
    parts: list[bytes] = []
    for place, (version, state) in enumerate(found):
        last = place + 1 == len(found) or found[place + 1][0] != version
        number = b"id: %d\n" % version if last else b""
        key, window = (state.key, state.window) if isinstance(state, Kept) else state
        data: dict[str, object] = {"key": key, "window": window} if window else {"key": key}
        kind = b"event: drop\n"
        if isinstance(state, Kept):
            data["value"], kind = msgspec.Raw(state.value), b""
        parts.append(b"%b%bdata: %b\n\n" % (number, kind, _ENCODER.encode(data)))
    return b"".join(parts)
