"""An example as its user lives with it: a copy of it, `asterism run`, the command line and HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import zstandard

EXAMPLES = Path(__file__).parents[2] / "examples"
ASTERISM = Path(sys.executable).with_name("asterism")
PATIENCE = 120.0


@dataclass
class House:
    """A copy of an example, and the process that runs it."""

    root: Path
    stage: str = "dev"
    environment: dict[str, str] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)
    """What `run` told."""
    patience: float = PATIENCE
    """Seconds that a command may take."""

    @classmethod
    def of(cls, example: str, folder: Path, stage: str = "dev", **environment: str) -> House:
        root = folder / example
        ignored = shutil.ignore_patterns(".asterism", "__pycache__", ".*_cache")
        shutil.copytree(EXAMPLES / example, root, ignore=ignored)
        return cls(root, stage, environment)

    @contextmanager
    def running(self, *, stop: signal.Signals = signal.SIGTERM) -> Iterator[House]:
        """`asterism run`, from when it serves until it has stopped, or was killed."""
        command = [str(ASTERISM), "run", "--port", "0", "--json", *self._place()]
        self.heard.clear()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment()
        ) as process:
            readers = [threading.Thread(target=work, args=(process,)) for work in (self._listen, self._drain)]
            for reader in readers:
                reader.start()
            try:
                self.until(lambda: self.told("serving") or process.poll() is not None)
                assert process.poll() is None, self.heard
                yield self
            finally:
                process.send_signal(stop)
                process.wait(PATIENCE)
                for reader in readers:
                    reader.join(PATIENCE)
        assert process.returncode == (0 if stop == signal.SIGTERM else -stop)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        self.heard.extend(json.loads(line) for line in process.stdout or ())

    def _drain(self, process: subprocess.Popen[str]) -> None:
        self.heard.extend({"event": "stderr", "text": line} for line in process.stderr or ())

    def told(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.heard if each["event"] == event]

    @property
    def url(self) -> str:
        found: str = self.told("serving")[-1]["url"]
        return found

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command; answer what it printed, its errors too where it is to fail."""
        command = [str(ASTERISM), *arguments, *self._place()]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._environment(), check=False, timeout=self.patience
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def ask(self, question: str, **parameters: str) -> list[dict[str, Any]]:
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        rows: list[dict[str, Any]] = self.json("query", question, *given)["rows"]
        return rows

    def one(self, sql: str) -> Any:
        """The single value of a SELECT."""
        ((value,),) = (row.values() for row in self.ask(sql))
        return value

    def view(self, name: str) -> dict[str, Any]:
        """The states of a live view by key, as the command line shows them."""
        return {each["key"]: each["value"] for each in self.json("view", "show", name)["items"]}

    def aside(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.json("quarantine", "list")["items"]
        return items

    def token(self, *scopes: str) -> str:
        return self("token", "create", *(word for scope in scopes for word in ("--scope", scope))).strip()

    def client(self, *scopes: str) -> httpx.Client:
        """Somebody with a token of these scopes."""
        headers = {"Authorization": f"Bearer {self.token(*scopes)}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE)

    def edit(self, old: str, new: str, file: str = "platform.py") -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def taken_up(self, edit: Callable[[], None]) -> None:
        """Edit files, and wait until the running platform has taken them up."""
        before = len(self.told("reloaded"))
        edit()
        self.until(lambda: len(self.told("reloaded")) > before)

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something to be true, and answer it. Between its commands others have the processor as long."""
        end = time.monotonic() + PATIENCE
        while True:
            began = time.monotonic()
            if found := condition():
                return found
            assert time.monotonic() < end, self.heard[-5:]
            time.sleep(max(0.05, time.monotonic() - began))

    def holding(self, name: str) -> list[str]:
        """The files of the stage in whose bytes a name stands, packed ones unpacked."""
        found = []
        for file in (self.root / ".asterism").rglob("*"):
            if file.is_file():
                held = file.read_bytes()
                if file.name.endswith(".zst"):
                    held = zstandard.ZstdDecompressor().decompressobj().decompress(held)
                if name.encode() in held:
                    found.append(str(file.relative_to(self.root)))
        return found

    def _place(self) -> list[str]:
        return ["--project", str(self.root), "--stage", self.stage]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}
