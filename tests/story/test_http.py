"""Events come in by HTTP, as a producer and an operator live with it: processes, tokens, a log on disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from asterism.errors import AsterismError
from asterism.http.process import HttpProcess
from asterism.ports.log import Logged
from asterism.project.load import load
from asterism.wire import Wiring

PLATFORM = """
from asterism import Platform, Record

platform = Platform("shop")


class Order(Record):
    number: str
    total: float


orders = platform.stream("orders", Order, key="number", id_field="number")
notes = platform.stream("notes", public=True)
"""
SETTINGS = """
[dev]
warehouse = "duckdb:///warehouse.duckdb"
lake = "lake"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "platform.py").write_text(PLATFORM)
    (tmp_path / "asterism.toml").write_text(SETTINGS)
    return tmp_path


@pytest.fixture
def process(root: Path) -> Iterator[HttpProcess]:
    process = HttpProcess(root, "dev", "127.0.0.1", 0)
    process.start()
    yield process
    process.stop()


def command(root: Path, *arguments: str) -> str:
    """What a command says on stdout."""
    line = [sys.executable, "-m", "asterism.cli.main", *arguments, "--project", str(root)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def logged(root: Path, stream: str) -> list[Logged]:
    with Wiring(load(root, environment={}).stage) as wiring:
        return wiring.log().read(stream, "test", {}, 100_000)


def post(process: HttpProcess, path: str, token: str = "", **how: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(process.url + path, headers=headers, trust_env=False, timeout=60, **how)  # type: ignore[arg-type]


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_order_is_on_disk_once_it_is_accepted(root: Path, process: HttpProcess) -> None:
    token = command(root, "token", "create", "--scope", "ingest:orders", "--name", "till", "--expires", "90d")
    assert token.startswith("ast_")
    assert " " not in token
    order = {"number": "A1", "total": 9.5}
    assert post(process, "/streams/orders", json=order).status_code == 401
    accepted = post(process, "/streams/orders", token, json=order)
    assert accepted.status_code == 202
    assert post(process, "/streams/orders", token, json=[order, {"number": "A2"}]).json()["duplicates"] == 1
    (record,) = logged(root, "orders")
    assert (record.id, record.key, json.loads(record.body)) == ("A1", "A1", order)
    (aside,) = logged(root, "_quarantine")
    assert json.loads(aside.body)["reason"] == "Object missing required field `total`"
    listed = json.loads(command(root, "token", "list", "--json"))["tokens"]
    assert [each["name"] for each in listed] == ["till"]
    command(root, "token", "revoke", listed[0]["id"])
    wait(lambda: post(process, "/streams/orders", token, json=order).status_code == 401)


def test_a_token_for_a_stream_that_does_not_exist_is_not_made(root: Path) -> None:
    line = [sys.executable, "-m", "asterism.cli.main", "token", "create", "--scope", "ingest:order"]
    done = subprocess.run([*line, "--project", str(root)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Did you mean orders?" in done.stderr
    assert done.stdout == ""


def test_what_was_accepted_survives_kill_9_and_nothing_is_taken_twice(root: Path, process: HttpProcess) -> None:
    accepted: set[str] = set()

    def send(client: int) -> None:
        with httpx.Client(base_url=process.url, trust_env=False, timeout=60) as sender:
            for number in range(200):
                try:
                    answer = sender.post("/streams/notes", json={"n": f"{client}-{number}"})
                except httpx.HTTPError:
                    continue
                if answer.status_code == 202:
                    accepted.update(answer.json()["ids"])

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send, client) for client in range(4)]
        wait(lambda: len(accepted) > 50)
        os.kill(process.pid, signal.SIGKILL)
        wait(lambda: not process.alive)
        process.start()
        [each.result() for each in sending]
    ids = [record.id for record in logged(root, "notes")]
    assert accepted <= {*ids}
    assert len(ids) == len({*ids})


def test_a_server_that_is_stopped_answers_what_it_has_taken(root: Path, process: HttpProcess) -> None:
    refused: list[int] = []
    accepted: set[str] = set()

    def send() -> None:
        with httpx.Client(base_url=process.url, trust_env=False, timeout=60) as client:
            while True:
                try:
                    answer = client.post("/streams/notes", json={})
                except httpx.ConnectError:
                    return  # it listens no more
                except httpx.RemoteProtocolError:
                    continue  # a connection that was kept, and is closed: no request was taken
                if answer.status_code == 202:
                    accepted.update(answer.json()["ids"])
                else:
                    refused.append(answer.status_code)

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send) for _ in range(4)]
        wait(lambda: len(accepted) > 20)
        process.stop()
        [each.result() for each in sending]
    assert not process.alive
    assert {*refused} <= {503}
    assert accepted <= {record.id for record in logged(root, "notes")}


def test_a_server_comes_back_where_it_was(process: HttpProcess) -> None:
    url = process.url
    with httpx.Client(trust_env=False) as client:
        client.get(f"{url}/health")
        process.stop()  # it closes the connection that the client keeps, and so waits for what may still come on it
        process.stop()
        process.start()
    assert process.url == url
    assert httpx.get(f"{url}/health", trust_env=False).json() == {"status": "ok"}


def test_the_server_ends_with_whoever_started_it(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(
        "import sys, time\nfrom pathlib import Path\nfrom asterism.http.process import HttpProcess\n"
        "process = HttpProcess(Path(sys.argv[1]), 'dev', '127.0.0.1', 0)\nprocess.start()\n"
        "print(process.url, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-P", str(script), str(root)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert httpx.get(f"{url}/health", trust_env=False).is_success
        parent.kill()

    def gone() -> bool:
        try:
            httpx.get(f"{url}/health", trust_env=False)
        except httpx.HTTPError:
            return True
        return False

    wait(gone)


def test_an_address_that_is_taken_is_told_with_a_remedy(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said: list[str] = []
        process = HttpProcess(root, "dev", "127.0.0.1", port, said.append)
        with pytest.raises(AsterismError, match=rf"127.0.0.1:{port}: is taken") as failed:
            process.start()
    assert "--port" in str(failed.value)
    assert not process.alive
    assert said == []  # or the same is told twice, and in words where `--json` promises JSON


def test_two_servers_never_share_a_port(root: Path, process: HttpProcess) -> None:
    second = HttpProcess(root, "dev", "127.0.0.1", process.port, lambda _: None)
    with pytest.raises(AsterismError, match="is taken"):
        second.start()
    assert httpx.get(f"{process.url}/health", trust_env=False).is_success


def test_secrets_do_not_reach_the_output(root: Path) -> None:
    said: list[str] = []
    process = HttpProcess(root, "dev", "127.0.0.1", 0, said.append)
    process.start()
    try:
        token = command(root, "token", "create", "--scope", "admin")
        post(process, "/streams/orders", token, content=b"\xff")
        post(process, f"/streams/{token}", token, content=b"{}")
        httpx.get(f"{process.url}/quarantine", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    finally:
        process.stop()
    assert token.rpartition("_")[2] not in "\n".join(said)
