"""The control channel: while `run` holds the warehouse, other commands are carried out by it.

A Unix domain socket in the stage's state folder, open to its owner only. Each connection carries one request, a line of
JSON, and is answered by lines of JSON: any number with `progress`, then one with `result` or `error`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from asterism.errors import AsterismError, Problem, ProjectError

Progress = Callable[[str, int, int | None], None]
"""Called with a step's name, how much of it is done, and how much there is (None: unknown)."""
Handler = Callable[[str, Mapping[str, Any], Progress], Any]
"""Carries out (verb, arguments, progress); answers JSON values, raises AsterismError."""

_LONGEST_PATH = 100
"""Bytes of a socket's path that every system takes."""


class Server:
    """Serves requests, each on a thread of its own, from `start` until `close`. Only the stage's holder starts one."""

    def __init__(self, folder: Path, handle: Handler) -> None:
        self._folder = folder
        self._handle = handle
        self._listener: socket.socket | None = None
        self._private: Path | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listen. What a dead predecessor left is replaced."""
        self._clear()
        path = self._folder / "control.sock"
        if len(os.fsencode(path)) > _LONGEST_PATH:
            self._private = Path(tempfile.mkdtemp(prefix="asterism-"))
            path = self._private / "control.sock"
            (self._folder / "control.path").write_text(str(path))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)  # before anyone can connect, which takes `listen`
        listener.listen()
        self._listener = listener
        self._spawn("control", self._accept, listener)

    def close(self) -> None:
        """Stop listening; requests that are being carried out are not waited for. Repeating it does nothing."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self._clear()

    def wait(self, seconds: float = 5.0) -> None:
        """After `close`, wait for the requests to end, so long at most.

        A thread that lives on lets go of the warehouse while the interpreter is taken down, and the process is aborted.
        """
        until = time.monotonic() + seconds
        while self._threads and time.monotonic() < until:
            self._threads[0].join(until - time.monotonic())  # the first is the one that starts the others
            self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _spawn(self, name: str, work: Callable[[socket.socket], None], given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(given,), name=name, daemon=True)
        thread.start()
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]

    def _clear(self) -> None:
        note = self._folder / "control.path"
        if note.exists():
            shutil.rmtree(Path(note.read_text()).parent, ignore_errors=True)
        note.unlink(missing_ok=True)
        (self._folder / "control.sock").unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._spawn("control-request", self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A client that goes away while it is served loses its answer; the work is finished all the same.
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            line = stream.readline()
            if not line:
                return
            try:
                request = json.loads(line)
                result = self._handle(request["verb"], request["arguments"], _teller(connection))
                answer = {"result": result}
            except AsterismError as error:
                answer = {"error": describe(error)}
            except Exception as error:  # noqa: BLE001 - a fault in one request must not end `run`
                fault = AsterismError(
                    "run", f"failed on the request: {type(error).__name__}: {error}", "See its output."
                )
                answer = {"error": describe(fault)}
            _write(connection, answer)


class Client:
    """One request to a running server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def close(self) -> None:
        """Go without a request."""
        self._connection.close()

    def call(self, verb: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
        """Have a verb carried out; answer its result. Raises what it raised, and AsterismError if `run` goes away."""
        with self._connection, self._connection.makefile("rb") as stream:
            _write(self._connection, {"verb": verb, "arguments": dict(arguments)})
            for answer in _lines(stream):
                if "progress" in answer:
                    progress(*answer["progress"])
                elif "error" in answer:
                    raise revive(answer["error"])
                else:
                    return answer["result"]
        raise AsterismError("run", "stopped before it answered", "Run the command again.")


def is_served(folder: Path) -> bool:
    """Whether a `run` holds the stage whose state is in `folder`: it will for long, and waiting for it is idle."""
    client = connect(folder)
    if client is not None:
        client.close()
    return client is not None


def connect(folder: Path) -> Client | None:
    """A connection to the `run` that holds the stage whose state is in `folder`, None where there is none."""
    note = folder / "control.path"
    path = note.read_text() if note.exists() else str(folder / "control.sock")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return Client(connection)


def describe(error: AsterismError) -> dict[str, Any]:
    """An error as JSON values."""
    problems = error.problems if isinstance(error, ProjectError) else ()
    return {
        "error": type(error).__name__,
        "subject": error.subject,
        "fact": error.fact,
        "remedy": error.remedy,
        "problems": [{"where": each.where, "fact": each.fact, "remedy": each.remedy} for each in problems],
    }


def revive(described: Mapping[str, Any]) -> AsterismError:
    """The error that `describe` described."""
    if described["error"] == "ProjectError":
        problems = tuple(Problem(each["where"], each["fact"], each["remedy"]) for each in described["problems"])
        return ProjectError(described["subject"], problems)
    kinds = {kind.__name__: kind for kind in AsterismError.__subclasses__()}
    kind = kinds.get(described["error"], AsterismError)
    return kind(described["subject"], described["fact"], described["remedy"])


def _teller(connection: socket.socket) -> Progress:
    def tell(step: str, done: int, total: int | None) -> None:
        with contextlib.suppress(OSError):
            _write(connection, {"progress": [step, done, total]})

    return tell


def _write(connection: socket.socket, value: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def _lines(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in stream:
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)
