"""The whole of a deployment at GCP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from asterism.deploy.gcp.account import accounts
from asterism.deploy.gcp.alarm import alarms, dashboard
from asterism.deploy.gcp.bigtable import tables
from asterism.deploy.gcp.bucket import buckets
from asterism.deploy.gcp.code import code
from asterism.deploy.gcp.dataset import datasets
from asterism.deploy.gcp.function import doors, functions
from asterism.deploy.gcp.schedule import schedules
from asterism.deploy.gcp.secret import secrets
from asterism.deploy.gcp.service import services
from asterism.deploy.gcp.setting import IMAGE, PROJECT, image, in_containers, uri_of
from asterism.deploy.gcp.topic import topics
from asterism.deploy.graph import Clock, Door, Graph
from asterism.deploy.package import Package
from asterism.deploy.resource import Design, Output
from asterism.deploy.setting import ALARMS, CONCURRENCY, LOG_DAYS, MEMORY, REGION, TIMEOUT, Setting

PARTS = (
    services, code, accounts, functions, doors, topics, schedules, buckets, tables, datasets, secrets, alarms,
    dashboard,
)  # fmt: skip
"""What there is, in the order in which it is told."""


def design(graph: Graph, package: Package) -> Design:
    """Everything that the graph comes to at GCP."""
    setting = Setting(graph, package)
    made = {each.address: each for part in PARTS for each in part(setting)}
    labels = {"asterism-platform": graph.platform.replace("_", "-"), "asterism-stage": graph.stage}
    target = graph.target
    given: tuple[tuple[Any, Any], ...] = (
        (PROJECT, target.project),
        (REGION, target.region),
        (MEMORY, target.memory),
        (TIMEOUT, target.timeout),
        (CONCURRENCY, target.concurrency),
        (LOG_DAYS, target.log_days),
        (ALARMS, [*target.alarms]),
        *([(IMAGE, image(setting))] if in_containers(setting) else []),
    )
    return Design(
        {"required_version": ">= 1.9", "required_providers": _PROVIDERS} | _backend(graph),
        {"google": [{"project": PROJECT.ref, "region": REGION.ref, "default_labels": labels}]},
        tuple(made.values()),
        tuple(replace(variable, default=value) for variable, value in given),
        tuple(_outputs(setting)),
        tuple(_notes(setting)),
    )


_PROVIDERS = {"google": {"source": "hashicorp/google", "version": "~> 6.50"}}


def _backend(graph: Graph) -> dict[str, Any]:
    parts = urlsplit(graph.target.backend)
    if parts.scheme == "gs":
        return {"backend": {"gcs": {"bucket": parts.netloc, "prefix": parts.path.strip("/")}}}
    if parts.scheme == "s3":
        where = {"bucket": parts.netloc, "key": parts.path.strip("/"), "region": graph.target.backend_region}
        return {"backend": {"s3": where | {"encrypt": True, "use_lockfile": True}}}
    return {}


def _outputs(setting: Setting) -> Iterator[Output]:
    graph = setting.graph
    for function in graph.functions:
        if any(isinstance(start, Door) for start in function.starts):
            address = uri_of(setting, function)
            yield Output("url", address, "Where the HTTP endpoints are.")
            paths = [f"{address}/streams/{log.name}" for log in graph.logs if not log.is_own]
            yield Output("endpoints", paths, "Where records are posted.")
    names = [f"{graph.target.name}-{secret.name}" for secret in graph.secrets]
    yield Output("secrets", names, "The secrets that are to be given a value.")


def _notes(setting: Setting) -> Iterator[str]:
    graph = setting.graph
    if in_containers(setting):
        yield f"{graph.place('image')}: the image is to be built and pushed before: {image(setting)}"
    for function in graph.functions:
        for start in function.starts:
            if isinstance(start, Clock) and start.every == timedelta(minutes=1) and start.verb == "pull":
                yield f"{start.place}: {start.name} is pulled once a minute: Scheduler's clock is no finer"
    for name in graph.target.backup:
        yield f"{graph.place('backup')}: {name} lies in the lake as it came already: raw/streams/{name}"
