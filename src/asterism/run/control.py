"""The control channel: while `run` holds the warehouse, other commands are carried out by it.

A Unix domain socket in the stage's state folder, open to its owner only. A connection carries requests one after
another, each a line of JSON, which is answered by lines of JSON: any number with `progress`, then one with `result` or
`error`. A result may say `bytes`: so many follow the line.
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from asterism.errors import AsterismError, Problem, ProjectError

Progress = Callable[[str, int, int | None], None]
"""Called with a step's name, how much of it is done, and how much there is (None: unknown)."""


class Caller(Protocol):
    """Who asks: is told of progress, and may have gone."""

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        """Tell of progress."""
        ...

    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        ...


@dataclass(frozen=True, slots=True)
class Attached:
    """A result with bytes behind it."""

    result: Any
    body: bytes


Handler = Callable[[str, Mapping[str, Any], Caller], Any]
"""Carries out (verb, arguments, caller); answers JSON values or Attached, raises AsterismError."""

_COMMON = ("subject", "fact", "remedy", "run", "problems")
_PLAIN = (str, int, float, bool)
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
        self._connections: set[socket.socket] = set()

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
            for connection in [*self._connections]:  # one that is kept for more requests is not to be waited for
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

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
        self._connections.add(connection)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            for line in stream:
                request = json.loads(line)
                answer = self._answer(request["verb"], request["arguments"], _Connected(connection))
                if isinstance(answer, Attached):
                    head = json.dumps({"result": answer.result, "bytes": len(answer.body)}, separators=(",", ":"))
                    connection.sendall(head.encode() + b"\n" + answer.body)
                else:
                    _write(connection, answer)
        self._connections.discard(connection)

    def _answer(self, verb: str, arguments: Mapping[str, Any], caller: Caller) -> Attached | dict[str, Any]:
        try:
            result = self._handle(verb, arguments, caller)
        except AsterismError as error:
            return {"error": pack(error)}
        except Exception as error:  # noqa: BLE001 - a fault in one request must not end `run`
            fault = AsterismError("run", f"failed on the request: {type(error).__name__}: {error}", "See its output.")
            return {"error": pack(fault)}
        return result if isinstance(result, Attached) else {"result": result}


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


def address(folder: Path) -> str:
    """The socket's path."""
    note = folder / "control.path"
    return note.read_text() if note.exists() else str(folder / "control.sock")


def connect(folder: Path) -> Client | None:
    """A connection to the `run` that holds the stage whose state is in `folder`, None where there is none."""
    path = address(folder)
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
    """An error as JSON values, for people and programs."""
    problems = error.problems if isinstance(error, ProjectError) else ()
    return {
        "error": next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == AsterismError.__module__),
        "subject": error.subject,
        "fact": error.fact,
        "remedy": error.remedy,
        "problems": [{"where": each.where, "fact": each.fact, "remedy": each.remedy} for each in problems],
        **({"run": error.run} if error.run else {}),
    }


def pack(error: AsterismError) -> dict[str, Any]:
    """An error as JSON values, of which `revive` makes it anew."""
    more = {name: value for name, value in vars(error).items() if name not in _COMMON and isinstance(value, _PLAIN)}
    kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, AsterismError)]
    return {**describe(error), "kinds": kinds, "more": more}


def revive(described: Mapping[str, Any]) -> AsterismError:
    """The error that `pack` packed, of its own class, or of the nearest that this process knows."""
    if described["error"] == "ProjectError":
        problems = tuple(Problem(each["where"], each["fact"], each["remedy"]) for each in described["problems"])
        return ProjectError(described["subject"], problems)
    known = {kind.__name__: kind for kind in _kinds(AsterismError)}
    kind = next((known[name] for name in described.get("kinds", ()) if name in known), AsterismError)
    error = kind.__new__(kind)  # what each class wants to be made of is its own
    AsterismError.__init__(error, described["subject"], described["fact"], described["remedy"])
    vars(error).update(described.get("more", {}), run=described.get("run", ""))
    return error


def _kinds(kind: type[AsterismError]) -> Iterator[type[AsterismError]]:
    """Those that this process knows."""
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


class _Connected:
    """Implements `Caller`, at the other end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        with contextlib.suppress(OSError):
            _write(self._connection, {"progress": [step, done, total]})

    def gone(self) -> bool:
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _write(connection: socket.socket, value: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def _lines(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in stream:
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)
