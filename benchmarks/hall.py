"""The platform of streams that is measured, and the servers that take its events: Asterism's and its peers'."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile, mkdtemp
from typing import Any

import httpx

from asterism.adapters.postgres.embedded import embedded
from asterism.project.load import load
from asterism.run.tokens import Tokens
from benchmarks import children
from benchmarks.database import execute, free_port

TOML = """\
[dev]
warehouse = "duckdb:///.asterism/dev/warehouse.duckdb"
lake = ".asterism/dev/lake"
"""
PLATFORM = """\
from datetime import datetime
from typing import Literal

from asterism import Platform, Record

platform = Platform("hall")


class Access(Record):
    service: str
    event: Literal[1, -1]
    n: int
    sent: datetime


class Door(Record):
    inside: int = 0
    through: int = 0


accesses = platform.stream("accesses", Access, key="service")


@platform.view(accesses)
def doors(state: Door, access: Access) -> Door:
    return Door(inside=state.inside + access.event, through=max(state.through, access.n))
"""
STARS = {
    "fact_access.sql": """\
-- Somebody came in or went out.
-- kind: fact
-- key: access_id
select _id as access_id, service, event, n, sent, cast(sent as date) as day from accesses
""",
    "dim_service.sql": """\
-- A door, and how many are behind it.
-- kind: dimension
-- key: service
select service, count(*) as events, sum(event) as inside from accesses group by service
""",
}
_PATIENCE = 60.0


@dataclass
class Door:
    """A server that takes events."""

    port: int
    path: str
    token: str
    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """When, in seconds since 1970, `asterism run` told what."""
    root: Path = Path()


def make(root: Path, *, stars: bool = False) -> None:
    """Write the project down."""
    (root / "models").mkdir(parents=True)
    (root / "asterism.toml").write_text(TOML)
    (root / "platform.py").write_text(PLATFORM)
    for name, sql in STARS.items() if stars else ():
        (root / "models" / name).write_text(sql)


@contextmanager
def asterism(*, readers: bool = True, stars: bool = False) -> Iterator[Door]:
    """`asterism run`, or, with its readers off, the HTTP server alone."""
    with _folder() as folder:
        root = folder / "hall"
        make(root, stars=stars)
        token, _ = Tokens(Path(load(root).stage.state)).create(("ingest:accesses", "read"))
        port = free_port()
        module = ["asterism.cli.main", "run", "--json"] if readers else ["asterism.http"]
        command = [sys.executable, "-m", *module, "--project", str(root), "--port", str(port)]
        door = Door(port, "/streams/accesses", token, root=root)
        with _running(command, {}, port, lambda line: door.heard.append((time.time(), json.loads(line)))):
            yield door


@contextmanager
def fastapi(path: str = "/events", workers: int = 2) -> Iterator[Door]:
    """FastAPI on uvicorn beside a PostgreSQL that syncs each commit to disk, as it does by itself."""
    with _folder() as folder:
        server = embedded(folder / "data", settings={"fsync": "on", "synchronous_commit": "on"})
        try:
            columns = "id text primary key, service text, event int, n bigint, sent timestamp"
            execute(server.url, f"create table accesses ({columns})")
            port = free_port()
            command = [str(children.PEER_PYTHON), "-m", "uvicorn", "benchmarks.contenders.fastapi_ingest:app"]
            command += ["--port", str(port), "--workers", str(workers), "--log-level", "error", "--no-access-log"]
            with _running(command, {"INGEST_URL": server.url, "INGEST_TOKEN": "bench"}, port):
                yield Door(port, path, "bench")
        finally:
            server.close()


@contextmanager
def platform(root: Path, scopes: tuple[str, ...]) -> Iterator[Door]:
    """`asterism run` of a platform that stands already."""
    token, _ = Tokens(Path(load(root).stage.state)).create(scopes)
    port = free_port()
    command = [sys.executable, "-m", "asterism.cli.main", "run", "--json", "--project", str(root), "--port", str(port)]
    with _running(command, {}, port):
        yield Door(port, "", token, root=root)


@contextmanager
def service(module: str, environment: dict[str, str], workers: int = 2) -> Iterator[Door]:
    """A contender's FastAPI application on uvicorn."""
    port = free_port()
    command = [str(children.PEER_PYTHON), "-m", "uvicorn", f"benchmarks.contenders.{module}:app"]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "error", "--no-access-log"]
    with _running(command, environment, port):
        yield Door(port, "", "bench")


@contextmanager
def functions() -> Iterator[Door]:
    """functions-framework as it is deployed: gunicorn, with its own number of threads."""
    with _folder() as folder:
        port = free_port()
        program = Path(__file__).parent / "contenders/functions_ingest.py"
        command = [str(children.PEER_PYTHON.with_name("functions-framework")), "--target", "take"]
        command += ["--source", str(program), "--host", "127.0.0.1", "--port", str(port)]
        with _running(command, {"INGEST_FOLDER": str(folder)}, port):
            yield Door(port, "/", "bench")


def send(door: Door, **load: Any) -> dict[str, Any]:
    """Let the client send, and answer what it measured."""
    measured = children.client(port=door.port, path=door.path, token=door.token, **load)
    if measured["bad"] or measured["unanswered"]:
        sys.exit(f"{measured['unanswered']} requests were not answered; {measured['bad']}")
    return measured


@contextmanager
def _folder() -> Iterator[Path]:
    """Not below the tree: the database's server runs as a user of its own where this is root."""
    folder = Path(mkdtemp(prefix="asterism-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], port: int, note: Callable[[str], object] = lambda _: None
) -> Iterator[None]:
    """Run a server until the context is left; it answers when the context begins. Each line it prints is noted."""
    with (
        TemporaryFile("w+") as said,
        subprocess.Popen(
            command,
            cwd=children.ROOT,
            env={**children.peer_environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        reader = threading.Thread(target=lambda: [note(line) for line in process.stdout or ()])
        reader.start()
        try:
            if not _answers(process, port):
                said.seek(0)
                sys.exit(f"{command!r} does not answer: {said.read()[-2_000:]}")
            yield
        finally:
            process.terminate()
            process.wait()
            reader.join()


def _answers(process: subprocess.Popen[str], port: int) -> bool:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=2.0).is_success:
                return True
        except httpx.HTTPError:
            time.sleep(0.05)
    return False
