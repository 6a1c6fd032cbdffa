"""Cloud Run functions (2nd generation): one for each function of the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.gcp.setting import ENTRY_POINT, PROJECT, account_of, uri_of
from asterism.deploy.graph import Door, Function
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import CONCURRENCY, LOG_DAYS, MEMORY, REGION, TIMEOUT, Setting, environment, reference

CONTAINER_REQUESTS = 16
"""Requests that one instance serves at once; it has one processor then."""


def functions(setting: Setting) -> Iterator[Resource]:
    """All functions, and the bucket of their logs."""
    for each in setting.graph.functions:
        yield function(setting, each)
    yield from logs(setting)


def function(setting: Setting, declared: Function) -> Resource:
    """The function itself. All of them run the same package; the environment says which one it is."""
    serves = any(isinstance(start, Door) for start in declared.starts)
    archive = {
        "bucket": reference("google_storage_bucket", "artifacts", "name"),
        "object": reference("google_storage_bucket_object", "platform", "name"),
    }
    service: dict[str, Any] = {
        "available_memory": f"{MEMORY.ref}M",
        "available_cpu": "1",
        "timeout_seconds": TIMEOUT.ref,
        "min_instance_count": 0,
        "max_instance_count": 1 if declared.alone else CONCURRENCY.ref,
        "max_instance_request_concurrency": CONTAINER_REQUESTS if serves else 1,
        "environment_variables": environment(
            setting, declared, f"gcpsecrets://{PROJECT.ref}/{setting.target.name}", GOOGLE_CLOUD_PROJECT=PROJECT.ref
        ),
        "service_account_email": account_of(declared),
        "ingress_settings": "ALLOW_ALL",
        "all_traffic_on_latest_revision": True,
    }
    return Resource(
        "google_cloudfunctions2_function",
        label(declared.name),
        {
            "name": setting.name(declared.name),
            "location": REGION.ref,
            "description": declared.purpose,
            "build_config": [
                {
                    "runtime": f"python{setting.package.python.replace('.', '')}",
                    "entry_point": ENTRY_POINT,
                    "source": [{"storage_source": [archive]}],
                }
            ],
            "service_config": [service],
            "depends_on": ["google_project_service.cloudfunctions", "google_project_service.run"],
        },
        declared.purpose,
        declared.place,
    )


def doors(setting: Setting) -> Iterator[Resource]:
    """Whose requests a function takes: anybody's at the HTTP endpoints, which ask for tokens by themselves."""
    for each in setting.graph.functions:
        if any(isinstance(start, Door) for start in each.starts):
            yield invoker(each, "public", "allUsers", "anybody may call it; it asks for tokens by itself")
        if any(not isinstance(start, Door) for start in each.starts):
            yield invoker(each, "caller", f"serviceAccount:{caller_email()}", "its clock and its streams may call it")


def invoker(declared: Function, kind: str, member: str, why: str) -> Resource:
    """The permission to call a function: a role on its own service alone."""
    arguments = {
        "location": REGION.ref,
        "service": reference("google_cloudfunctions2_function", label(declared.name), "name"),
        "role": "roles/run.invoker",
        "member": member,
    }
    name = label(declared.name, kind)
    return Resource("google_cloud_run_service_iam_member", name, arguments, why, declared.place)


def caller_email() -> str:
    """The account that Scheduler and Pub/Sub call functions as."""
    return reference("google_service_account", "caller", "email")


def oidc(declared: Function) -> list[dict[str, str]]:
    """How they say who they are."""
    return [{"service_account_email": caller_email(), "audience": uri_of(declared)}]


def logs(setting: Setting) -> Iterator[Resource]:
    """The functions' lines, in a bucket of their own, for so many days."""
    graph = setting.graph
    name, place = setting.target.name, graph.place("log_days")
    bucket = Resource(
        "google_logging_project_bucket_config",
        "functions",
        {
            "project": PROJECT.ref,
            "location": REGION.ref,
            "bucket_id": f"{name}-functions",
            "retention_days": LOG_DAYS.ref,
        },
        "logs of the functions",
        place,
    )
    yield bucket
    services = " OR ".join(f'resource.labels.service_name="{setting.name(each.name)}"' for each in graph.functions)
    yield Resource(
        "google_logging_project_sink",
        "functions",
        {
            "name": f"{name}-functions",
            "destination": f"logging.googleapis.com/{bucket.ref('id')}",
            "filter": f'resource.type="cloud_run_revision" AND ({services})',
            "unique_writer_identity": True,
        },
        "where they go",
        place,
    )
