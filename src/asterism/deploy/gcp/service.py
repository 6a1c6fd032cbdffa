"""The services of GCP that a project has to have switched on."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.gcp.bigtable import tables_of
from asterism.deploy.gcp.setting import in_containers
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting

ALWAYS = ("artifactregistry", "cloudscheduler", "iam", "logging", "monitoring", "run")
BUILT = ("cloudbuild", "cloudfunctions")
"""By which Google makes functions of a package."""


def services(setting: Setting) -> Iterator[Resource]:
    """Those that this platform uses. They stay on when it is destroyed: others may use them."""
    graph = setting.graph
    wanted = {*ALWAYS, "storage", *(() if in_containers(setting) else BUILT)}
    wanted |= {"pubsub"} if graph.logs else set()
    wanted |= {"secretmanager"} if graph.secrets else set()
    wanted |= {"bigtable", "bigtableadmin"} if tables_of(setting) else set()
    wanted |= {"bigquery", "bigquerystorage"} if graph.stores.warehouse.startswith("bigquery:") else set()
    for each in sorted(wanted):
        arguments = {"service": f"{each}.googleapis.com", "disable_on_destroy": False}
        yield Resource("google_project_service", label(each), arguments, f"{each} is on", graph.place("deploy"))
