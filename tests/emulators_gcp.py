"""Google's emulators for the tests: each is started once a session, on a free port, and stopped by its pid."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from gcs_server import Buckets, gcs_server

PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def served(command: Sequence[str], port: int, folder: Path, **variables: str) -> Iterator[None]:
    """A server, from when it takes connections until it has stopped. What it says stands in the folder."""
    environment = os.environ | variables
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=folder, env=environment)
        try:
            end = time.monotonic() + PATIENCE
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"{command[0]} did not start: {(folder / 'log').read_text()[-500:]}")
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sdk() -> Path:
    """The folder of Google Cloud's SDK; skips where there is none."""
    found = shutil.which("gcloud")
    for root in (Path(found).resolve().parents[1] if found else None, Path("/usr/lib/google-cloud-sdk")):
        if root is not None and (root / "platform").is_dir():
            return root
    pytest.skip("no Google Cloud SDK: gcloud is not installed")


@contextmanager
def named(variable: str, port: int) -> Iterator[str]:
    """The address of a server in the environment, where its clients look for it; child processes too."""
    before = os.environ.get(variable)
    os.environ[variable] = f"127.0.0.1:{port}"
    yield os.environ[variable]
    if before is None:
        del os.environ[variable]
    else:
        os.environ[variable] = before


@pytest.fixture(scope="session")
def bigtable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Bigtable."""
    program = sdk() / "platform" / "bigtable-emulator" / "cbtemulator"
    if not program.exists():
        pytest.skip("no Bigtable emulator: gcloud components install bigtable")
    port = free_port()
    command = [str(program), "--host=127.0.0.1", f"--port={port}"]
    with served(command, port, tmp_path_factory.mktemp("bigtable")), named("BIGTABLE_EMULATOR_HOST", port) as address:
        yield address


@pytest.fixture(scope="session")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Pub/Sub."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Pub/Sub emulator: Java is not installed")
    (jar, *_) = [*(sdk() / "platform" / "pubsub-emulator" / "lib").glob("cloud-pubsub-emulator-*-all.jar"), None]
    if jar is None:
        pytest.skip("no Pub/Sub emulator: gcloud components install pubsub-emulator")
    port = free_port()
    command = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    with served(command, port, tmp_path_factory.mktemp("pubsub")), named("PUBSUB_EMULATOR_HOST", port) as address:
        yield address


@pytest.fixture(scope="session")
def gcs() -> Iterator[Buckets]:
    """A Cloud Storage that the lake's library finds in the environment; a bucket is a key of its `objects`."""
    with gcs_server() as (url, buckets):
        key = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        told = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key), "GOOGLE_ALLOW_HTTP": "true"}
        before = {name: os.environ.get(name) for name in told}
        os.environ |= told
        yield buckets
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def served_bigquery(folder: Path) -> Iterator[str]:
    """The address of a BigQuery: https://pypi.org/project/local-bigquery/."""
    program = Path(__file__).parents[1] / ".emulators" / "bigquery" / "bin" / "local-bigquery"
    if not program.exists():
        pytest.skip("no local-bigquery: make .emulators/bigquery/.made, which needs Python 3.13")
    port, grpc = free_port(), free_port()
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(grpc), "--data-dir", "data"]
    storage = named("BIGQUERY_STORAGE_EMULATOR_HOST", grpc)
    # The DuckDB in it takes this for how many processors there are. With two, a third of its time goes into handing
    # small pieces of work from thread to thread.
    one = served(command, port, folder, SLURM_CPUS_ON_NODE="1")
    with one, named("BIGQUERY_EMULATOR_HOST", port) as address, storage:
        yield address


@pytest.fixture(scope="session")
def bigquery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a BigQuery that tests share."""
    with served_bigquery(tmp_path_factory.mktemp("bigquery")) as address:
        yield address


def dataset(address: str, project: str = "project", name: str = "") -> str:
    """Make a dataset, and tell it by its URI; a fresh one where none is named."""
    name = name or f"d{uuid4().hex}"
    reference = {"projectId": project, "datasetId": name}
    url = f"http://{address}/bigquery/v2/projects/{project}/datasets"
    httpx.post(url, json={"datasetReference": reference}, trust_env=False, timeout=PATIENCE).raise_for_status()
    return f"bigquery://{project}/{name}"


@pytest.fixture(scope="session")
def make_dataset(bigquery: str) -> Callable[..., str]:
    """Makes datasets, each told by its URI."""
    return partial(dataset, bigquery)


@pytest.fixture
def lone_dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dataset in a BigQuery of its own: the more this emulator has been told to keep, the longer it takes to add."""
    with served_bigquery(tmp_path_factory.mktemp("bigquery")) as address:
        yield dataset(address)
