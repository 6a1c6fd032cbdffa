"""Events of Google Cloud, posted to the functions framework: carried out, or the status says that it was not."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx
import pytest
from emulators_gcp import PATIENCE, free_port

from asterism.adapters.gcp.log import PubSubLog
from asterism.adapters.gcp.state import BigtableState
from asterism.adapters.gcp.topics import Topics
from asterism.ports.log import Entry

EXAMPLES = Path(__file__).parents[3] / "examples"
FRAMEWORK = Path(sys.executable).with_name("functions-framework")
FUNCTIONS = {"view": "events-accesses,view-occupancy,view-site", "writer": "", "http": ""}
MAIN = "from asterism.entry.cloud_function import handle\n"


class Deployed:
    """occupancy on emulators: each function of it is a process of its own, as it is in the cloud."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"t{uuid4().hex[:12]}"
        root = folder / "occupancy"
        shutil.copytree(EXAMPLES / "occupancy", root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
        (folder / "main.py").write_text(MAIN)
        self.functions: dict[str, httpx.Client] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.log, self.views = f"pubsub://project/{self.name}", f"bigtable://project/instance/{self.name}"
        with (root / "asterism.toml").open("a") as file:
            file.write(
                f'\n[cloud]\nwarehouse = "duckdb:///{folder}/warehouse.duckdb"\nlake = "{folder}/lake"\n'
                f'log = "{self.log}"\nviews = "{self.views}"\nevents = "{self.views}-events"\n'
            )

    def start(self, stack: ExitStack, name: str, consumers: str) -> None:
        """A function, until the stack is left; it takes requests when it answers."""
        port = free_port()
        told = {
            "ASTERISM_PROJECT": str(self.folder / "occupancy"), "ASTERISM_STAGE": "cloud", "ASTERISM_FUNCTION": name,
            "ASTERISM_CONSUMER": consumers, "ASTERISM_SCRATCH": str(self.folder / f"scratch-{name}"),
        }  # fmt: skip
        command = [FRAMEWORK, "--source", self.folder / "main.py", "--target", "handle", "--port", str(port)]
        with (self.folder / f"{name}.log").open("wb") as said:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1"], env={**os.environ, **told}, stdout=said, stderr=said
            )
        self.processes[name] = process
        stack.callback(self.stop, name)
        url = f"http://127.0.0.1:{port}"
        self.functions[name] = stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE))

    def stop(self, name: str) -> None:
        self.processes[name].terminate()
        self.processes[name].wait(PATIENCE)


@pytest.fixture(scope="module")
def deployed(pubsub: str, bigtable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    made = Deployed(tmp_path_factory.mktemp("functions"))
    with ExitStack() as stack:
        for name, consumers in FUNCTIONS.items():
            made.start(stack, name, consumers)
        for client in made.functions.values():
            until(lambda client=client: answers(client))
        yield made


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/").status_code > 0
    except httpx.TransportError:
        return False


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def access(number: int, service: str = "door-1", event: int = 1) -> dict[str, Any]:
    return {"service": service, "event": event, "eventTime": f"2026-03-01T12:00:{number:02d}"}


def message(number: int, body: Any, **attributes: str) -> dict[str, Any]:
    """As Pub/Sub pushes it."""
    data = base64.b64encode(json.dumps(body).encode()).decode()
    said = {"data": data, "attributes": attributes, "messageId": f"m{number}", "publishTime": "2026-03-01T12:00:00.1Z"}
    return {"message": said, "subscription": "projects/project/subscriptions/some"}


def test_records_that_are_pushed_are_folded_once_however_often_they_come(deployed: Deployed) -> None:
    state = BigtableState(deployed.views)
    function = deployed.functions["view"]
    sent = [message(number, access(number), id=f"a{number}", key="door-1") for number in range(6)]
    for each in [*sent[:4], sent[0], *sent[::-1]]:
        assert function.post("/", json=each).status_code == 200, each
    event = {"message": message(9, access(9), id="a9", key="door-1")["message"]}
    headers = {"ce-type": "google.cloud.pubsub.topic.v1.messagePublished", "ce-id": "1", "ce-source": "//pubsub"}
    assert function.post("/", json=event, headers=headers).status_code == 200
    whole = {"specversion": "1.0", "type": headers["ce-type"], "id": "2", "source": "//pubsub", "data": event}
    assert function.post("/", json=whole).status_code == 200
    assert json.loads(state.scan("occupancy")[0].value)["currentOccupancy"] == 7
    refused = function.post("/", json=message(10, {"service": "door-1"}, id="bad", key="door-1"))
    assert refused.status_code == 500  # it comes again
    assert function.post("/", json={"kind": "other"}).status_code == 400
    assert function.post("/", content=b"no json").status_code == 400
    state.close()


def test_pubsub_itself_pushes_to_a_function(deployed: Deployed) -> None:
    state, log, topics = BigtableState(deployed.views), PubSubLog(deployed.log), Topics("project")
    function = deployed.functions["view"]
    topic = topics.topic(deployed.name, "accesses")
    topics.subscribe(topics.subscription(topic, "pushed"), topic, "pushed", 10, endpoint=str(function.base_url))
    entries = [Entry(f"p{n}", f"door-{n % 2}", json.dumps(access(n)).encode()) for n in range(8)]
    log.append("accesses", [*entries, *entries], deployed_dedupe())
    until(lambda: [each for each in state.scan("site") if json.loads(each.value)["currentOccupancy"] == 15])
    log.append("accesses", [Entry("p9", "door-1", json.dumps(access(9)).encode())], deployed_dedupe())
    until(lambda: json.loads(state.scan("site")[0].value)["currentOccupancy"] == 16)
    for each in (state, log, topics):
        each.close()


def deployed_dedupe() -> Any:
    from asterism.declare.stream import Stream

    return Stream("accesses").dedupe


def test_a_subscription_that_only_wakes_has_consumers_read_their_own(deployed: Deployed) -> None:
    state, log = BigtableState(deployed.views), PubSubLog(deployed.log)
    for consumer in ("events", "view:occupancy", "view:site"):  # as deployed
        log.read("accesses", consumer, {}, 1)
    log.append("accesses", [Entry("k1", "gate", json.dumps(access(1, "gate")).encode())], deployed_dedupe())
    log.close()
    woken = message(20, access(1, "gate"), id="k1", key="gate") | {"subscription": "projects/p/subscriptions/n-wake-v"}
    for _ in range(2):
        assert deployed.functions["view"].post("/", json=woken).status_code == 200
    assert [json.loads(each.value)["currentOccupancy"] for each in state.scan("occupancy", key="gate")] == [1]
    log = PubSubLog(deployed.log)
    log.append("accesses", [Entry("k2", "gate", json.dumps(access(2, "gate")).encode())], deployed_dedupe())
    log.close()
    answer = deployed.functions["view"].post("/", json={"source": "asterism", "verb": "read", "name": "view"})
    assert (answer.status_code, answer.json()["done"]) == (200, ["events-accesses", "view-occupancy", "view-site"])
    assert [json.loads(each.value)["currentOccupancy"] for each in state.scan("occupancy", key="gate")] == [2]
    state.close()


def test_the_clock_has_the_writer_take_what_waits(deployed: Deployed) -> None:
    log = PubSubLog(deployed.log)
    log.append("accesses", [Entry("w1", "door-9", json.dumps(access(1, "door-9")).encode())], deployed_dedupe())
    log.close()
    function = deployed.functions["writer"]
    for _ in range(2):
        answer = function.post("/", json={"source": "asterism", "verb": "write", "name": ""})
        assert (answer.status_code, answer.json()) == (200, {"done": ["warehouse"]})
    assert function.post("/", json={"source": "asterism", "verb": "upkeep", "name": ""}).status_code == 200
    assert function.post("/", json={"source": "asterism", "verb": "dance", "name": ""}).status_code == 400
    deployed.stop("writer")  # which has the file to itself
    with duckdb.connect(deployed.folder / "warehouse.duckdb") as warehouse:
        counted = "select count(*), count(distinct _id) from streams.accesses where service = 'door-9'"
        assert warehouse.execute(counted).fetchone() == (1, 1)


def test_the_http_function_serves_the_api_and_carries_out_no_event(deployed: Deployed) -> None:
    function = deployed.functions["http"]
    assert function.get("/openapi.json").json()["paths"]["/streams/accesses"]
    assert function.post("/streams/accesses", json=access(1)).status_code == 401
    assert function.get("/views/occupancy?limit=1").status_code == 401
    answer = function.post("/", json={"source": "asterism", "verb": "write", "name": ""})
    assert answer.status_code in {404, 405}
