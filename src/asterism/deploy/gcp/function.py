"""Cloud Run: a function (2nd generation) for each function of the graph, or a service from an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.gcp.setting import (
    ENTRY_POINT,
    IMAGE,
    PORT,
    PROJECT,
    account_of,
    in_containers,
    most_of,
    requests_of,
    uri_of,
    variables_of,
)
from asterism.deploy.graph import Door, Function
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import LOG_DAYS, MEMORY, REGION, TIMEOUT, Setting, reference


def functions(setting: Setting) -> Iterator[Resource]:
    """All functions, and the bucket of their logs."""
    make = service if in_containers(setting) else function
    for each in setting.graph.functions:
        yield make(setting, each)
    yield from logs(setting)


def function(setting: Setting, declared: Function) -> Resource:
    """The function itself. All of them run the same package; the environment says which one it is."""
    archive = {
        "bucket": reference("google_storage_bucket", "artifacts", "name"),
        "object": reference("google_storage_bucket_object", "platform", "name"),
    }
    service: dict[str, Any] = {
        "available_memory": f"{MEMORY.ref}M",
        "available_cpu": "1",
        "timeout_seconds": TIMEOUT.ref,
        "min_instance_count": 0,
        "max_instance_count": most_of(declared),
        "max_instance_request_concurrency": requests_of(declared),
        "environment_variables": variables_of(setting, declared),
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


def service(setting: Setting, declared: Function) -> Resource:
    """The same as a service of Cloud Run: one image for all of them."""
    container: dict[str, Any] = {
        "image": IMAGE.ref,
        "ports": [{"container_port": PORT}],
        "env": [{"name": name, "value": value} for name, value in variables_of(setting, declared).items()],
        "resources": [
            {"limits": {"cpu": "1", "memory": f"{MEMORY.ref}Mi"}, "cpu_idle": True, "startup_cpu_boost": True}
        ],
    }
    return Resource(
        "google_cloud_run_v2_service",
        label(declared.name),
        {
            "name": setting.name(declared.name),
            "location": REGION.ref,
            "description": declared.purpose,
            "deletion_protection": False,  # it holds no data
            "ingress": "INGRESS_TRAFFIC_ALL",
            "template": [
                {
                    "service_account": account_of(declared),
                    "timeout": f"{TIMEOUT.ref}s",
                    "max_instance_request_concurrency": requests_of(declared),
                    "scaling": [{"min_instance_count": 0, "max_instance_count": most_of(declared)}],
                    "containers": [container],
                }
            ],
            "depends_on": ["google_project_service.run"],
        },
        declared.purpose,
        declared.place,
    )


def doors(setting: Setting) -> Iterator[Resource]:
    """Whose requests a function takes: anybody's at the HTTP endpoints, which ask for tokens by themselves."""
    for each in setting.graph.functions:
        if any(isinstance(start, Door) for start in each.starts):
            yield invoker(setting, each, "public", "allUsers", "anybody may call it; it asks for tokens by itself")
        if any(not isinstance(start, Door) for start in each.starts):
            caller = f"serviceAccount:{caller_email()}"
            yield invoker(setting, each, "caller", caller, "its clock and its streams may call it")


def invoker(setting: Setting, declared: Function, who: str, member: str, why: str) -> Resource:
    """The permission to call a function: a role on its own service alone."""
    kind, attribute, callee = (
        ("google_cloud_run_v2_service_iam_member", "name", "google_cloud_run_v2_service")
        if in_containers(setting)
        else ("google_cloud_run_service_iam_member", "service", "google_cloudfunctions2_function")
    )
    arguments = {
        "location": REGION.ref,
        attribute: reference(callee, label(declared.name), "name"),
        "role": "roles/run.invoker",
        "member": member,
    }
    return Resource(kind, label(declared.name, who), arguments, why, declared.place)


def caller_email() -> str:
    """The account that Scheduler and Pub/Sub call functions as."""
    return reference("google_service_account", "caller", "email")


def oidc(setting: Setting, declared: Function) -> list[dict[str, str]]:
    """How they say who they are."""
    return [{"service_account_email": caller_email(), "audience": uri_of(setting, declared)}]


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
