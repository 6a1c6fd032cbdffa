"""AWS on this machine: MiniStack, in its own environment and process, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = Path(__file__).parents[1] / ".emulators" / "venv" / "bin" / "ministack"
_WITNESSED = (COMMAND.with_name("python"), "-P", Path(__file__).with_name("ministack_witness.py"))
_PATIENCE = 120.0


@contextmanager
def ministack(folder: Path, **settings: str) -> Iterator[dict[str, str]]:
    """The environment in which clients of AWS find it, which stops with the context; `settings` are its own.

    MINISTACK_REPEATED names the file of all that was asked once more.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-2",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "MINISTACK_REPEATED": str(folder / "repeated"),
    }
    own = {**os.environ, **environment, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    own |= {"TMPDIR": str(folder), "LAMBDA_EXECUTOR": "local", "LOG_LEVEL": "WARNING", **settings}
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([*_WITNESSED], env=own, cwd=folder, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _PATIENCE
        while not _answers(url):
            assert process.poll() is None, (folder / "ministack.log").read_text()
            assert time.monotonic() < end, "MiniStack does not answer"
            time.sleep(0.02)
        yield environment
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=1).close()
    except OSError:
        return False
    return True
