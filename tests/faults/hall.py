"""`asterism run` on a small platform of streams, as its users start it, under a load of many clients."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

TOML = """\
[dev]
warehouse = "duckdb:///.asterism/dev/warehouse.duckdb"
lake = ".asterism/dev/lake"
"""
PLATFORM = """\
from typing import Literal

from asterism import Platform, Record

platform = Platform("hall")


class Access(Record):
    service: str
    event: Literal[1, -1]


class Count(Record):
    events: int = 0
    inside: int = 0


accesses = platform.stream("accesses", Access, key="service", public=True)
entries = platform.stream("entries", Access, key="service")
kept = platform.stream("kept", Access, key="service", lake_only=True)


@platform.view(accesses)
def counts(state: Count, access: Access) -> Count:
    return Count(events=state.events + 1, inside=state.inside + access.event)


@platform.view(entries, key=None)
def entered(state: Count, access: Access) -> Count:
    return Count(events=state.events + 1, inside=state.inside + access.event)


@platform.transform(accesses, into=entries)
def entering(access: Access) -> Access | None:
    return access if access.event == 1 else None


@platform.transform(accesses, into=kept)
def keeping(access: Access) -> Access:
    return access
"""
MODEL = """\
-- Who is inside, by sensor.
-- kind: mart
-- key: service
select service, count(*) as events, sum(event) as inside from accesses group by service
"""
_PATIENCE = 120.0


@dataclass
class Hall:
    """The platform in a folder, and the process that runs it."""

    root: Path
    url: str = ""
    process: subprocess.Popen[str] | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    listener: threading.Thread | None = None

    def make(self) -> None:
        (self.root / "models").mkdir(parents=True)
        (self.root / "asterism.toml").write_text(TOML)
        (self.root / "platform.py").write_text(PLATFORM)
        (self.root / "models" / "per_service.sql").write_text(MODEL)

    def start(self) -> None:
        """Start `asterism run`, and wait until it serves."""
        command = [sys.executable, "-m", "asterism.cli.main", "run", "--project", str(self.root), "--json"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "serving":
                self.url = event["url"]
                self.port = int(self.url.rpartition(":")[2])
                break
        else:
            raise AssertionError(self.process.communicate()[1])
        self.listener = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self.listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            self.heard.extend(json.loads(line) for line in lines)

    def kill(self) -> None:
        """SIGKILL, to the process that runs the platform."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._end()

    def _end(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        with self.process.stderr:
            self.process.wait(_PATIENCE)
        assert self.listener is not None
        self.listener.join(_PATIENCE)

    def ask(self, *arguments: str) -> Any:
        """What a command answers in JSON."""
        command = [sys.executable, "-m", "asterism.cli.main", *arguments, "--project", str(self.root), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("query", sql)["rows"]
        return found

    def landed(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream in the lake, by their ids: one that stands there twice comes twice."""
        return self.ask("query", "--on", "lake", f"select id, record from {stream}")["rows"]

    def view(self, name: str) -> dict[str, Any]:
        """The states of a view, by key."""
        return {item["key"]: item["value"] for item in self.ask("view", "show", name, "--limit", "10000")["items"]}

    def settle(self, events: int) -> None:
        """Wait until views and tables hold what the log does: `events` records at least, and no more coming."""
        until, last = time.monotonic() + _PATIENCE, None
        while time.monotonic() < until:
            found = (
                self.rows("select count(*) as n from accesses")[0]["n"],
                sum(each["events"] for each in self.view("counts").values()),
                self.rows("select count(*) as n from entries")[0]["n"],
                sum(each["events"] for each in self.view("entered").values()),
            )
            if found == last and found[0] >= events and found[0] == found[1] and found[2] == found[3]:
                return
            last = found
            time.sleep(0.3)
        raise AssertionError(f"it does not settle: {last}, {events} were acknowledged")


@dataclass
class Client:
    """Sends bodies over and over until each is acknowledged, or it is told to stop."""

    hall: Hall
    bodies: Sequence[tuple[str, bytes]]
    """Idempotency key, and a record or several lines."""
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        with httpx.Client(timeout=60) as client:
            for key, body in self.bodies:
                while not self.stop.is_set():
                    try:
                        headers = {"Idempotency-Key": key, "Content-Type": "application/x-ndjson"}
                        answer = client.post(f"{self.hall.url}/streams/accesses", content=body, headers=headers)
                    except httpx.HTTPError:
                        time.sleep(0.02)  # it is down: the same again
                        continue
                    if answer.status_code in {202, 400}:
                        self.acknowledged += answer.json()["ids"]
                        self.refused += len(answer.json()["refused"])
                        break
                    assert answer.status_code == 503, answer.text
                    time.sleep(0.05)
                if self.stop.is_set():
                    return
