"""The HTTP server as a child process: a fault in it stops no schedule, and both have a core of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import IO

import httpx

from asterism.errors import AsterismError
from asterism.ports.logger import Form

PATIENCE = 30.0
"""Seconds within which it has to come up."""
_GRACE = 15.0
_LINES = 50


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the child's output is ours


class HttpProcess:
    """The server of a stage. `tell` is called, from another thread, with each line that it writes on stderr.

    It ends with whoever started it, however that dies. Used by one thread at a time.
    """

    def __init__(
        self,
        root: Path,
        stage: str,
        host: str,
        port: int,
        tell: Callable[[str], None] = _to_stderr,
        log_format: Form = "text",
    ) -> None:
        self._root, self._stage, self._host, self._log_format = root, stage, host, log_format
        self.port = port
        """0 until the first start, which finds a free one and keeps it."""
        self._tell = tell
        self._child: subprocess.Popen[str] | None = None
        self._is_up = False
        self._last: deque[str] = deque(maxlen=_LINES)
        self._words = threading.Lock()

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process; 0 where there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it, and return once it answers. Raises AsterismError with what it wrote where it does not."""
        self.stop()
        self._last.clear()
        self._is_up = False
        command = [sys.executable, "-P", "-m", "asterism.http", "--tied", "--project", str(self._root)]
        command += ["--stage", self._stage, "--host", self._host, "--port", str(self.port)]
        command += ["--log-format", self._log_format]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 - our own
        until = time.monotonic() + PATIENCE
        reader = threading.Thread(target=self._forward, args=(self._child.stderr,), name="http-output", daemon=True)
        reader.start()
        if not self._comes_up(self._child, until):
            self.stop()
            reader.join(1.0)
            said = "\n".join(self._last) or f"it has not answered within {PATIENCE:g} s"
            raise AsterismError("the HTTP server", f"does not come up: {said}", "Correct that, or run without it.")
        with self._words:
            self._is_up = True
            for line in self._last:
                self._tell(line)

    def stop(self) -> None:
        """Let it answer what it has taken, and end. Repeating it does nothing."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()

    def _comes_up(self, child: subprocess.Popen[str], until: float) -> bool:
        told: Queue[str] = Queue()
        threading.Thread(target=lambda: told.put(child.stdout.readline() if child.stdout else ""), daemon=True).start()
        try:
            line = told.get(timeout=PATIENCE)
        except Empty:
            return False
        if not line:
            return False
        self.port = json.loads(line)["port"]
        while child.poll() is None and time.monotonic() < until:
            try:
                if httpx.get(f"{self._own_url()}/health", trust_env=False, timeout=2.0).is_success:
                    return True
            except httpx.HTTPError:
                time.sleep(0.02)
        return False

    def _own_url(self) -> str:
        """Where it answers to this machine, if it listens everywhere."""
        return {"0.0.0.0": f"http://127.0.0.1:{self.port}", "::": f"http://[::1]:{self.port}"}.get(self._host, self.url)  # noqa: S104 - read, not bound

    def _forward(self, stream: IO[str] | None) -> None:
        for line in stream or ():
            with self._words:
                self._last.append(line.rstrip("\n"))
                if self._is_up:  # until then they are told once it is, or in the error
                    self._tell(self._last[-1])
        if stream is not None:
            stream.close()
