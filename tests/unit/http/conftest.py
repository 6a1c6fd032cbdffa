"""A real server on a free port, over a log and states in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from asterism.errors import LogError
from asterism.http.server import HttpServer
from asterism.ports.log import Entry, Logged, Standing
from asterism.ports.state import Header, Kept
from asterism.project.load import Project, load
from asterism.run.collect import Collector
from asterism.run.tokens import Tokens

PLATFORM = """
from datetime import datetime
from typing import Literal

from asterism import Platform, Record

platform = Platform("site")


class Access(Record):
    service: str
    event: Literal[1, -1]
    eventTime: datetime


class Order(Record):
    number: str
    total: float = 0.0


class Occupancy(Record):
    count: int = 0


accesses = platform.stream("accesses", Access, key="service")
orders = platform.stream("orders", Order, id_field="number", strict=True)
anything = platform.stream("anything", public=True)


@platform.view(accesses)
def occupancy(state: Occupancy, access: Access) -> Occupancy:
    return Occupancy(count=state.count + access.event)


@platform.simulator(accesses)
def visitors(random):
    return iter(())
"""
SETTINGS = """
[dev]
warehouse = "duckdb:///warehouse.duckdb"
lake = "lake"
"""


class MemoryLog:
    """A log that can be down, and whose appends wait for a gate."""

    def __init__(self) -> None:
        self.streams: dict[str, list[Entry]] = {}
        self.seen: dict[str, set[str]] = {}
        self.down = False
        self.asked = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.stands = Standing({})
        self.kept: list[Logged] = []

    def standing(self, _stream: str) -> Standing:
        return self.stands

    def read(self, *_: object) -> list[Logged]:
        return self.kept

    def append(self, stream: str, entries: Sequence[Entry], _dedupe: timedelta) -> list[bool]:
        self.asked.set()
        self.gate.wait()
        if self.down:
            raise LogError("the log", "the disk is full", "Free some space.")
        seen, kept = self.seen.setdefault(stream, set()), self.streams.setdefault(stream, [])
        new = []
        for entry in entries:
            new.append(entry.id not in seen)
            if new[-1]:
                seen.add(entry.id)
                kept.append(entry)
        return new

    def commit(self, _stream: str, _consumer: str, _offsets: Mapping[str, int]) -> None:
        if self.down:
            raise LogError("the log", "the disk is full", "Free some space.")

    def bodies(self, stream: str) -> list[bytes]:
        return [entry.body for entry in self.streams.get(stream, [])]

    def ids(self, stream: str) -> list[str]:
        return [entry.id for entry in self.streams.get(stream, [])]


class MemoryStates:
    """The states of views, changed by the tests."""

    def __init__(self) -> None:
        self.version = 0
        self.states: dict[tuple[str, str], tuple[int, Kept | tuple[str, str]]] = {}

    def set(self, *states: tuple[str, bytes] | tuple[str, bytes, str]) -> None:
        self.version += 1
        for key, value, *window in states:
            start = window[0] if window else ""
            self.states[key, start] = (self.version, Kept(key, value, "0", self.version, start))

    def drop(self, key: str) -> None:
        self.version += 1
        self.states[key, ""] = (self.version, (key, ""))

    def get(self, _view: str, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
        found = ((key, self.states.get(key, (0, None))[1]) for key in keys)
        return {key: kept for key, kept in found if isinstance(kept, Kept)}

    def scan(
        self, _view: str, after: tuple[str, str] | None = None, limit: int = 1000, key: str | None = None
    ) -> list[Kept]:
        kept = [state for _, state in self.states.values() if isinstance(state, Kept)]
        chosen = sorted(k for k in kept if (key is None or k.key == key) and (k.key, k.window) > (after or ("", "\0")))
        return sorted(chosen, key=lambda each: (each.key, each.window))[:limit]

    def watch(self, _view: str, since: int, limit: int = 1000) -> tuple[Header, list[Any]]:
        changed = sorted((each for each in self.states.values() if each[0] > since), key=lambda each: each[0])
        return Header(1, self.version), changed if limit else []


class Served:
    """A server on a thread of its own, its log, its states, and a client."""

    def __init__(self, project: Project, **options: Any) -> None:
        self.project = project
        self.log, self.states = MemoryLog(), MemoryStates()
        self.tokens = Tokens(Path(project.stage.state))
        self._options = options
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        collector = Collector(self.log)
        self.server = HttpServer(self.project, self.log, collector, self.states, **self._options)

        def listening(port: int) -> None:
            self.port = port
            self._up.set()

        await self.server.serve("127.0.0.1", 0, listening)
        collector.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(20)
        transport = httpx.HTTPTransport(retries=20)  # it says where it listens just before it does
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=60, transport=transport
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: it has stopped by itself
            self._loop.call_soon_threadsafe(self.server.stop)

    def token(self, *scopes: str) -> dict[str, str]:
        """The header of a new token with these scopes."""
        return {"Authorization": f"Bearer {self.tokens.create(scopes)[0]}"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "platform.py").write_text(PLATFORM)
    (tmp_path / "asterism.toml").write_text(SETTINGS)
    return load(tmp_path, environment={})


@pytest.fixture
def serve(project: Project) -> Iterator[Callable[..., Served]]:
    """Starts a server; settings of the stage and of the server go by their names."""
    running: list[Served] = []

    def start(**settings: Any) -> Served:
        options = {name: settings.pop(name) for name in ("body_seconds", "heartbeat") if name in settings}
        served = Served(replace(project, stage=replace(project.stage, **settings)), **options)
        served.__enter__()
        running.append(served)
        return served

    yield start
    for served in running:
        served.__exit__()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A server with the settings as they are."""
    return serve()
