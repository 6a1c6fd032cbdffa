"""`python -m asterism.http`: the HTTP server of one stage, as a process of its own. `asterism run` starts it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from asterism.errors import AsterismError
from asterism.http.server import HttpServer
from asterism.instruments import logger, meter, tracers
from asterism.project.load import Project, load
from asterism.run.collect import Collector
from asterism.run.trace import together
from asterism.wire import Wiring, vault


def main() -> int:
    """Serve until SIGTERM or SIGINT, or, with --tied, until stdin ends. Tells its port on stdout once it listens."""
    parser = argparse.ArgumentParser(prog="python -m asterism.http", description="The HTTP server of one stage.")
    parser.add_argument("--project", required=True, type=Path)
    parser.add_argument("--stage")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=8000, type=int)
    parser.add_argument("--tied", action="store_true", help="stop when stdin ends: whoever started it has died")
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            project = load(given.project, given.stage, whole=True, vault=vault)
            logger(given.log_format, platform=project.name, stage=project.stage.name, part="http")
            runner.run(_serve(project, given.host, given.port, tied=given.tied))
    except AsterismError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the process's own output
        return error.exit_code
    return 0


def _loop() -> asyncio.AbstractEventLoop:
    """The loop of uvloop, where there is one: a request costs a quarter less."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - as above

    return uvloop.new_event_loop()


async def _serve(project: Project, host: str, port: int, *, tied: bool) -> None:
    loop = asyncio.get_running_loop()
    counts = meter("asterism_http")
    tracer = together([counts, *tracers(project.name, project.stage.name)])
    with Wiring(project.stage) as wiring, closing(tracer):
        log, states = wiring.log(), wiring.states()
        collector = Collector(log)
        try:
            server = HttpServer(
                project, log, collector, states, events=wiring.events(project), meter=counts, tracer=tracer
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.stop)
            if tied:
                _when_stdin_ends(lambda: loop.call_soon_threadsafe(server.stop))
            gc.freeze()  # what stands by now stays: it need not be looked through again and again
            gc.set_threshold(10_000, 20, 50)
            await server.serve(host, port, _tell)
        finally:
            collector.close()


def _tell(port: int) -> None:
    print(json.dumps({"port": port}), flush=True)  # noqa: T201 - what whoever started it waits for


def _when_stdin_ends(act: Callable[[], object]) -> None:
    def watch() -> None:
        while os.read(0, 4096):
            pass
        act()

    threading.Thread(target=watch, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
