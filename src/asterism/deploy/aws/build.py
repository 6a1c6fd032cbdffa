"""The whole of a deployment at AWS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from asterism.deploy.aws.alarm import alarms, dashboard
from asterism.deploy.aws.bucket import buckets
from asterism.deploy.aws.catalogue import catalogue
from asterism.deploy.aws.code import code
from asterism.deploy.aws.database import databases
from asterism.deploy.aws.delivery import deliveries
from asterism.deploy.aws.door import doors
from asterism.deploy.aws.function import functions
from asterism.deploy.aws.role import roles
from asterism.deploy.aws.schedule import schedules
from asterism.deploy.aws.secret import secrets
from asterism.deploy.aws.stream import readers, streams
from asterism.deploy.aws.table import tables
from asterism.deploy.graph import Clock, Door, Graph
from asterism.deploy.package import Package
from asterism.deploy.resource import Design, Output, Resource, Variable, label
from asterism.deploy.setting import ALARMS, CONCURRENCY, LOG_DAYS, MEMORY, REDRIVE, REGION, TIMEOUT, Setting, reference

PARTS = (
    code, roles, functions, doors, streams, readers, schedules, buckets, tables, deliveries, catalogue, databases,
    secrets, alarms, dashboard,
)  # fmt: skip
"""What there is, in the order in which it is told."""


def design(graph: Graph, package: Package) -> Design:
    """Everything that the graph comes to at AWS."""
    setting = Setting(graph, package)
    made = {each.address: _tagged(each, graph) for part in PARTS for each in part(setting)}
    return Design(
        {"required_version": ">= 1.9", "required_providers": _PROVIDERS} | _backend(graph),
        {"aws": [{"region": REGION.ref}]},
        tuple(made.values()),
        _variables(graph),
        tuple(_outputs(graph)),
        tuple(_notes(setting)),
    )


_PROVIDERS = {"aws": {"source": "hashicorp/aws", "version": "~> 5.100"}}


_TAGGED = frozenset(
    f"aws_{kind}"
    for kind in (
        "apigatewayv2_api", "cloudwatch_log_group", "db_instance", "dynamodb_table", "lambda_function", "s3_bucket",
        "secretsmanager_secret", "sns_topic", "sqs_queue",
    )
)  # fmt: skip
"""What carries tags, for bills and searches. A Kinesis stream's name says enough."""


def _tagged(resource: Resource, graph: Graph) -> Resource:
    if resource.kind not in _TAGGED:
        return resource
    tags = {"asterism-platform": graph.platform, "asterism-stage": graph.stage}
    return replace(resource, arguments={**resource.arguments, "tags": tags})


def _backend(graph: Graph) -> dict[str, Any]:
    parts = urlsplit(graph.target.backend)
    if parts.scheme == "s3":
        region = graph.target.backend_region or graph.target.region
        where = {"bucket": parts.netloc, "key": parts.path.strip("/"), "region": region}
        return {"backend": {"s3": where | {"encrypt": True, "use_lockfile": True}}}
    if parts.scheme == "gs":
        return {"backend": {"gcs": {"bucket": parts.netloc, "prefix": parts.path.strip("/")}}}
    return {}


def _variables(graph: Graph) -> tuple[Variable, ...]:
    target = graph.target
    given = (
        (REGION, target.region),
        (MEMORY, target.memory),
        (TIMEOUT, target.timeout),
        (CONCURRENCY, target.concurrency),
        (LOG_DAYS, target.log_days),
        (REDRIVE, False),
        (ALARMS, [*target.alarms]),
    )
    return tuple(replace(variable, default=value) for variable, value in given)


def _outputs(graph: Graph) -> Iterator[Output]:
    for function in graph.functions:
        if any(isinstance(start, Door) for start in function.starts):
            address = reference("aws_apigatewayv2_api", label(function.name), "api_endpoint")
            yield Output("url", address, "Where the HTTP endpoints are.")
            paths = [f"{address}/streams/{log.name}" for log in graph.logs if not log.is_own]
            yield Output("endpoints", paths, "Where records are posted.")
    if graph.target.database:
        secret = reference("aws_db_instance", "warehouse", "master_user_secret[0].secret_arn")
        yield Output("warehouse", reference("aws_db_instance", "warehouse", "endpoint"), "The warehouse's address.")
        yield Output("warehouse_login", secret, "The secret that has its password.")
    names = [f"{graph.target.name}/{secret.name}" for secret in graph.secrets]
    yield Output("secrets", names, "The secrets that are to be given a value.")


def _notes(setting: Setting) -> Iterator[str]:
    for function in setting.graph.functions:
        for start in function.starts:
            if isinstance(start, Clock) and start.every == timedelta(minutes=1) and start.verb == "pull":
                yield f"{start.place}: {start.name} is pulled once a minute: EventBridge's clock is no finer"
