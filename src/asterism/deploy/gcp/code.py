"""The package: a bucket and the archive in it. The build installs the libraries, at the versions named there."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.gcp.bucket import private
from asterism.deploy.gcp.setting import ENTRY_POINT, in_containers
from asterism.deploy.resource import Resource
from asterism.deploy.setting import Setting, reference


def main() -> str:
    """`main.py` of the archive: what the functions framework looks for."""
    return f"from asterism.entry.cloud_function import {ENTRY_POINT}\n\n__all__ = [{ENTRY_POINT!r}]\n".replace("'", '"')


def code(setting: Setting) -> Iterator[Resource]:
    """The archive lies beside `main.tf.json`; its name holds its hash. An image holds it already."""
    if in_containers(setting):
        return
    place = setting.graph.place("deploy")
    yield private(setting.target.artifacts, "artifacts", "packages of the functions", place)
    file = setting.package.platform.file
    arguments = {
        "name": file,
        "bucket": reference("google_storage_bucket", "artifacts", "name"),
        "source": f"${{path.module}}/{file}",
    }
    yield Resource("google_storage_bucket_object", "platform", arguments, "the package platform", place)
