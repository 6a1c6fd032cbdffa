"""What functions are packed with: all that they import, and little else."""

import platform
import subprocess
import sys

import pytest

from asterism.deploy.derive import graph_of
from asterism.deploy.libraries import LEFT_OUT
from asterism.deploy.package import LIMIT
from asterism.deploy.plan import packed

from .places import EXAMPLES

ROOM = 40 * 2**20
"""Bytes that a platform of somebody else's may have, files and libraries."""
IMPORTED = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name, name=name)

absent = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Absent())
import asterism, asterism.cli.main, asterism.entry.aws_lambda, asterism.entry.door, asterism.entry.site
for module in pkgutil.walk_packages(asterism.__path__, "asterism."):
    if not module.name.startswith(("asterism.adapters.gcp", "asterism.http.__main__")):
        importlib.import_module(module.name)
from rich.console import Console
Console(stderr=True).print("[bold]asterism[/bold]")
"""


def test_functions_do_without_what_is_left_out_of_their_package():
    modules = ",".join(name.replace("-", "_") for name in LEFT_OUT)
    done = subprocess.run([sys.executable, "-c", IMPORTED, modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="libraries are packed on Linux, x86-64"
)
def test_a_package_leaves_room_below_what_lambda_unpacks():
    project, graph = graph_of(EXAMPLES / "jupiter", "aws", {})
    package = packed(project, graph)
    size = sum(archive.size for archive in package.archives)
    assert size < LIMIT - ROOM, f"{size / 2**20:.0f} MB"
    names = {path.split("/")[1] for path in package.libraries.content}
    assert {"duckdb", "sqlglot", "botocore", "apprise"} <= names
    assert not {"granian", "pygments", "narwhals", "faker", "uvloop"} & names
