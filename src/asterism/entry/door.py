"""The HTTP application in a function: one request at a time, questions answered in this process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asterism.cli.questions import VERBS, Questions
from asterism.cli.verbs import simulate
from asterism.entry.site import Site
from asterism.errors import UsageError
from asterism.http.server import HttpServer
from asterism.run.collect import Collector
from asterism.run.control import Caller, Server

TOKENS = "ASTERISM_TOKENS"
"""The secret that holds who may do what: the content of the stage's `tokens.json`, in which only hashes stand."""
_FRESH = 60.0
"""Seconds for which the secret is believed."""


class Door:
    """`app`, in the event loop `loop`. Used by one thread."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._site = site
        self._folder = Path(site.project.stage.state)
        self._looked = 0.0
        self._turn = threading.Lock()
        self._tokens()
        self._questions = Questions(site.desk, self._turns)
        self._server = Server(self._folder, self._serve)
        self._server.start()
        self._collector = Collector(site.wiring.log())
        self.app = loop.run_until_complete(self._made())

    def close(self) -> None:
        """Append what was taken, and let go; a function is never told to."""
        self.loop.run_until_complete(self._let_go())
        self._server.close()
        self._collector.close()
        self._server.wait()
        self.loop.close()

    async def _let_go(self) -> None:
        self._http.close()

    async def _made(self) -> Any:
        site = self._site
        project, wiring = site.project, site.wiring
        events = wiring.events(project)
        self._http = HttpServer(project, wiring.log(), self._collector, wiring.states(), events=events)
        app = self._http.app

        async def serve(*given: Any) -> None:
            self._tokens()
            await app(*given)

        return serve

    def _serve(self, verb: str, arguments: Mapping[str, Any], caller: Caller) -> Any:
        """What the application asks of whoever has the warehouse: this process has."""
        if verb == "simulate_events":
            return simulate.work(self._site.desk, arguments, lambda *_: None)
        if verb not in VERBS:
            raise UsageError(verb, "is not done over HTTP on this stage", "Use the command line.")
        return self._questions.serve(verb, arguments, caller)

    @contextmanager
    def _turns(self) -> Iterator[None]:
        with self._turn:
            yield

    def _tokens(self) -> None:
        """Have the tokens where the application looks for them."""
        if time.monotonic() - self._looked < _FRESH and self._looked:
            return
        self._looked = time.monotonic()
        told = self._site.secret(TOKENS)
        if told is None:
            return
        file, beside = self._folder / "tokens.json", self._folder / "tokens.told"
        if not file.exists() or file.read_text() != told:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                stream.write(told)
            beside.replace(file)
