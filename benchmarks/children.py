"""Runs a contender in a process of its own, so that its memory is its own and nothing is warm from another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / ".bench/scratch"
PEER_PYTHON = ROOT / ".bench/venv/bin/python"
SPARK_PYTHON = ROOT / ".bench/spark/bin/python"


def has_peer() -> bool:
    """Whether the peer is installed: `make bench` does it."""
    return PEER_PYTHON.exists()


def asterism(contender: str, **arguments: Any) -> dict[str, Any]:
    """Run one of Asterism's contenders."""
    return _run(Path(sys.executable), f"asterism_{contender}", arguments)


def dlt(contender: str, **arguments: Any) -> dict[str, Any]:
    """Run one of dlt's."""
    return _run(PEER_PYTHON, f"dlt_{contender}", arguments)


def bytewax(contender: str, **arguments: Any) -> dict[str, Any]:
    """Run one of bytewax's."""
    return _run(PEER_PYTHON, f"bytewax_{contender}", arguments)


def has_spark() -> bool:
    """Whether PySpark and pandas are installed, and a Java that Spark runs on."""
    return SPARK_PYTHON.exists() and shutil.which("java") is not None


def spark(contender: str, **arguments: Any) -> dict[str, Any]:
    """Run a peer of liberta: `pyspark` or `pandas`."""
    return _run(SPARK_PYTHON, f"{contender}_liberta", arguments)


def asker(**arguments: Any) -> dict[str, Any]:
    """Run the client that asks; the same for everybody."""
    return _run(Path(sys.executable), "asker", arguments)


def client(**arguments: Any) -> dict[str, Any]:
    """Run the client that sends events; the same for everybody."""
    return _run(Path(sys.executable), "client", arguments)


def peer_environment() -> dict[str, str]:
    """The environment that a peer runs in: quiet, and telling nobody."""
    return {
        **os.environ,
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _run(python: Path, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", f"benchmarks.contenders.{module}", json.dumps({**arguments, "scratch": str(SCRATCH)})]
    done = subprocess.run(command, cwd=ROOT, env=peer_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} failed:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
