"""occupancy as it is deployed at Google: its package, in the tree that the Dockerfile lays, each function a process.

An event goes in by HTTP, Pub/Sub calls the functions, and it comes out of view, row and table.

There is no Docker here: the Dockerfile's steps are carried out in a folder, and for `pip install` the libraries that it
pins are put there as they are installed here. What Terraform would make of topics and subscriptions is made from it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import server_folder
from emulators_gcp import PATIENCE, free_port
from gcs_server import Buckets
from story.house import House

from asterism.adapters.gcp.topics import Topics
from asterism.adapters.postgres.embedded import embedded

STAGE = """
[deployed]
warehouse = "${{secret:WAREHOUSE_URL}}"
lake = "gs://{name}-lake/lake"
log = "pubsub://project-1/{name}"
views = "bigtable://project-1/{name}/views"
events = "bigtable://project-1/{name}/events"

[deployed.deploy]
cloud = "gcp"
project = "project-1"
region = "europe-west2"
name = "{name}"
{service}
"""
SERVICES = {
    "functions": "",
    "cloud-run": 'service = "cloud-run"\nimage = "europe-west2-docker.pkg.dev/project-1/asterism/occupancy"',
}
LEFT = {"watch"}
"""Looks after the others; what it does is tried elsewhere."""


class Image:
    """What the Dockerfile would build: a tree, an environment and a command."""

    def __init__(self, written: Path, root: Path) -> None:
        text = (written / "Dockerfile").read_text().replace("\\\n", " ")
        self.root = root
        root.mkdir()
        (package, inside), *copied = re.findall(r"^COPY (?:--from=build )?(\S+) (\S+)$", text, re.MULTILINE)
        assert copied == [("/venv", "/venv"), ("/workspace", "/workspace")]
        self.at(inside).symlink_to(written / package)
        (steps,) = re.findall(r"^RUN (.*)$", text, re.MULTILINE)
        for step in steps.split("&&"):
            self.take(shlex.split(step))
        (variables,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
        self.environment = dict(each.split("=", 1) for each in variables.split())
        self.environment["PATH"] = f"{self.at('/venv/bin')}:/usr/bin:/bin"
        self.environment |= {name: str(self.at(self.environment[name])) for name in ("ASTERISM_PROJECT",)}
        (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
        self.command = [str(self.at(word)) if word.startswith("/") else word for word in json.loads(command)]
        (user,) = re.findall(r"^USER (\d+):\d+$", text, re.MULTILINE)
        assert int(user) > 0
        assert re.search(r"^FROM python:\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def take(self, step: list[str]) -> None:
        """Carry out a step of the build."""
        if step[0] == "pip":
            self.install(self.at(step[-1]))
            return
        if "compileall" in step:
            step.remove("/venv")  # what is here is compiled already
        words = [str(self.at(word)) if word.startswith("/") else word for word in step]
        subprocess.run([sys.executable if words[0] == "python" else words[0], *words[1:]], check=True)

    def install(self, requirements: Path) -> None:
        """Those libraries, and no others, in the versions that are asked for."""
        (site,) = self.at("/venv/lib").glob("python*/site-packages")
        for line in requirements.read_text().splitlines():
            name, _, version = line.partition("==")
            found = distribution(name)
            assert found.version == version
            for file in found.files or ():
                if file.parts[0] not in {"..", "__pycache__"}:
                    target = site / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(Path(str(file.locate())))
        script = self.at("/venv/bin/functions-framework")
        (entry,) = [each for each in distribution("functions-framework").entry_points if each.name == script.name]
        module, _, function = entry.value.partition(":")
        python = self.at("/venv/bin/python")
        script.write_text(f"#!{python}\nfrom {module} import {function}\n{function}()\n")
        script.chmod(0o755)


class Cloud:
    """The functions that the Terraform describes, and what calls them."""

    def __init__(self, house: House, folder: Path, secrets: dict[str, str], stack: ExitStack) -> None:
        self.house, self.stack = house, stack
        house("deploy", "--write-only", str(folder / "written"))
        self.document = json.loads((folder / "written" / "main.tf.json").read_text())
        self.resources: dict[str, dict[str, Any]] = self.document["resource"]
        self.image = Image(folder / "written", folder / "image")
        self.secrets, self.urls = secrets, {}
        self.processes: list[subprocess.Popen[bytes]] = []
        stack.callback(self.stop)
        for label, told in self.told():
            if label not in LEFT:
                self.start(label, told)
        for url in self.urls.values():
            house.until(lambda url=url: answers(url))
        self.subscribe()

    def told(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What each function, or service, finds in its environment."""
        for label, function in self.resources.get("google_cloudfunctions2_function", {}).items():
            yield label, function["service_config"][0]["environment_variables"]
        for label, service in self.resources.get("google_cloud_run_v2_service", {}).items():
            (container,) = service["template"][0]["containers"]
            assert container["image"] == "${var.image}"
            assert container["ports"] == [{"container_port": int(self.image.environment["PORT"])}]
            yield label, {each["name"]: each["value"] for each in container["env"]}

    def start(self, label: str, told: dict[str, str]) -> None:
        """A function. Of its secrets it is given those that its role may read."""
        port = free_port()
        given = {name: value for name, value in told.items() if not name.startswith("ASTERISM_SECRETS")}
        sealed = told.get("ASTERISM_SEALED", "").split(",")
        given |= {name: value for name, value in self.secrets.items() if name not in sealed}
        passed = ("PUBSUB_EMULATOR_HOST", "BIGTABLE_EMULATOR_HOST", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_ALLOW_HTTP")
        environment = {**self.image.environment, **given, **{name: os.environ[name] for name in passed}}
        environment |= {"ASTERISM_SCRATCH": str(self.image.root / f"tmp-{label}"), "PORT": str(port)}
        said = self.stack.enter_context((self.image.root / f"{label}.log").open("wb"))
        process = subprocess.Popen(
            self.image.command, env=environment, cwd=self.image.at("/workspace"), stdout=said, stderr=said
        )
        self.processes.append(process)
        self.urls[label] = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """All of them at once."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE)

    def subscribe(self) -> None:
        """What Terraform says of subscriptions: who reads what, and whom it calls."""
        topics = Topics("project-1")
        for each in self.resources["google_pubsub_subscription"].values():
            label = each["topic"].removeprefix("${google_pubsub_topic.").removesuffix(".id}")
            topic = f"projects/project-1/topics/{self.resources['google_pubsub_topic'][label]['name']}"
            endpoint = ""
            for push in each.get("push_config", ()):
                endpoint = self.urls[called(push["push_endpoint"])]
            name = f"projects/project-1/subscriptions/{each['name']}"
            assert topics.subscribe(name, topic, each["name"], each["ack_deadline_seconds"], endpoint=endpoint)
        topics.close()

    def tick(self, verb: str) -> None:
        """What Scheduler does at its time."""
        for job in self.resources["google_cloud_scheduler_job"].values():
            (target,) = job["http_target"]
            event = json.loads(base64.b64decode(target["body"]))
            function = called(target["uri"])
            if event["verb"] == verb and function in self.urls:
                answer = httpx.post(self.urls[function], json=event, trust_env=False, timeout=PATIENCE)
                assert answer.status_code == 200, answer.text


def called(address: str) -> str:
    """The label of the function, or service, that a reference to an address leads to."""
    found = re.match(r"\$\{google_(?:cloudfunctions2_function|cloud_run_v2_service)\.(\w+)\.", address)
    assert found, address
    return found[1]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code > 0
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module", params=[pytest.param("functions", marks=pytest.mark.soak), "cloud-run"])
def cloud(
    request: pytest.FixtureRequest,
    pubsub: str,
    bigtable: str,
    gcs: Buckets,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cloud]:
    """The same requests come to either: `make test` has services, `make soak` functions as well."""
    house, name = House.of("occupancy", tmp_path_factory.mktemp("occupancy")), f"o{uuid4().hex[:10]}"
    settings = house.root / "asterism.toml"
    settings.write_text(settings.read_text() + STAGE.format(name=name, service=SERVICES[request.param]))
    house.stage = "deployed"
    gcs.objects[f"{name}-lake"] = {}
    with server_folder() as folder, ExitStack() as stack:
        server = embedded(folder / "warehouse")
        stack.callback(server.close)
        house.environment["WAREHOUSE_URL"] = server.url
        house.environment["ASTERISM_TOKEN"] = house.token("ingest:accesses", "read", "sql", "admin")
        tokens = (house.root / ".asterism" / "deployed" / "tokens.json").read_text()
        yield Cloud(house, folder, {"WAREHOUSE_URL": server.url, "ASTERISM_TOKENS": tokens}, stack)


def test_an_event_goes_in_by_http_and_comes_out_of_view_row_and_table(cloud: Cloud) -> None:
    """Those of a sensor of its own: the other tests may have sent theirs already."""
    headers = {"Authorization": f"Bearer {cloud.house.environment['ASTERISM_TOKEN']}"}
    with httpx.Client(base_url=cloud.urls["http"], headers=headers, trust_env=False, timeout=PATIENCE) as door:
        event = {"eventTime": "2019-08-05 14:02:11", "event": 1, "service": "gate"}
        for _ in range(2):
            answer = door.post("/streams/accesses", json=event, headers={"Idempotency-Key": "one"})
            assert answer.status_code == 202, answer.text
        cloud.house.until(lambda: door.get("/views/occupancy/gate").status_code == 200)
        stored = cloud.house.until(lambda: door.get("/events/accesses?key=gate").json()["items"])
        count = {"currentOccupancy": 1, "writeTime": "2019-08-05T14:02:11"}
        assert stored == [{"id": "one", "at": "2019-08-05T14:02:11", "event": event, "realTimeStatus": count}]
        assert hours(door) == []  # they wait for the table
        cloud.tick("write")
        cloud.house.until(lambda: hours(door))
        sql = "select service, event from fact_access where service = 'gate'"
        assert door.post("/sql", json={"sql": sql}).json()["rows"] == [{"service": "gate", "event": 1}]
        cloud.tick("read")
        cloud.house.until(lambda: inside(door, "site") == inside(door, "occupancy") > 0)


def hours(door: httpx.Client) -> list[dict[str, Any]]:
    """Of the gate."""
    return [each for each in door.get("/views/hourly").json()["items"] if each["key"] == "gate"]


def inside(door: httpx.Client, view: str) -> int:
    """How many persons a view has counted, all its keys together."""
    return sum(each["value"]["currentOccupancy"] for each in door.get(f"/views/{view}").json()["items"])


def test_made_up_events_come_by_http_where_they_are_allowed(cloud: Cloud) -> None:
    headers = {"Authorization": f"Bearer {cloud.house.environment['ASTERISM_TOKEN']}"}
    given = {"limit": 2, "speedFactor": 100_000, "project": "p"}
    url = f"{cloud.urls['http']}/simulate/visitors"
    answer = httpx.post(url, json=given, headers=headers, trust_env=False, timeout=PATIENCE)
    assert (answer.status_code, "2" in answer.text) == (200, True), answer.text


def test_the_smoke_test_passes_against_it(cloud: Cloud) -> None:
    house, url = cloud.house, cloud.urls["http"]
    environment = {**os.environ, **house.environment}
    command = [sys.executable, "-m", "asterism.cli.main", "smoke", "--url", url, "--project", str(house.root)]
    with subprocess.Popen([*command, "--stage", "deployed"], env=environment, stderr=subprocess.PIPE) as smoke:
        end = time.monotonic() + PATIENCE
        while smoke.poll() is None and time.monotonic() < end:
            cloud.tick("write")  # as Scheduler does, but at once
            time.sleep(0.2)
        assert smoke.stderr is not None
        said = smoke.stderr.read().decode()
    assert smoke.returncode == 0, said
    assert "view hourly" in said


def test_the_dockerfile_says_how_its_image_is_built(cloud: Cloud) -> None:
    text = (cloud.image.root.parent / "written" / "Dockerfile").read_text()
    image = cloud.document.get("variable", {}).get("image", {}).get("default", "NAME")
    assert f"docker build --tag {image} ." in text
    package = next(each for each in text.split() if each.startswith("platform-")).partition(".")[0]
    assert image == "NAME" or image.endswith(package.replace("platform-", "/occupancy:"))


def test_nothing_but_the_package_is_run(cloud: Cloud) -> None:
    """Neither this tree's source nor a library that is not pinned."""
    python = [cloud.image.at("/venv/bin/python"), "-c", "import asterism, sys; print(asterism.__file__, *sys.path)"]
    environment = {**cloud.image.environment, "PYTHONPATH": str(cloud.image.at("/workspace"))}
    said = subprocess.run(python, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith(str(cloud.image.at("/workspace/asterism/__init__.py")))
    assert str(Path(__file__).parents[2]) not in said
