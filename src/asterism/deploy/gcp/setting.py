"""What every file here is given, and references to what others make."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from asterism.deploy.graph import Clock, Door, Function, Graph, Records
from asterism.deploy.resource import Variable, label
from asterism.deploy.setting import CONCURRENCY, Setting, environment, reference

ENTRY_POINT = "handle"
"""Of `asterism.entry.cloud_function`."""

PORT = 8080
"""That a container listens at, as Cloud Run and the Dockerfile have it."""
REQUESTS = 16
"""That one instance serves at once, where it serves people."""
PROJECT = Variable("project", "string", "", "The project's id.")
IMAGE = Variable("image", "string", "", "The container that the services are; it is built and pushed before.")


def clocks(function: Function) -> Iterator[Clock]:
    """What is done by the clock. The warehouse's writer takes what waits in its subscriptions, many at once.

    Who is woken by each record is called now and then as well: one that stood still, and was mended, goes on.
    """
    if any(isinstance(start, Records) for start in function.starts):
        if function.alone:
            yield Clock("write", "", function.place, cron="* * * * *")
        else:
            yield Clock("read", function.name, function.place, cron="*/10 * * * *")
    yield from (start for start in function.starts if isinstance(start, Clock))


def topic_name(graph: Graph, stream: str) -> str:
    """What a stream is called at Pub/Sub: behind the topic that the log's URI names."""
    prefix = urlsplit(graph.stores.log).path.strip("/")
    return f"{prefix}.{quote(stream, safe='')}"


def in_containers(setting: Setting) -> bool:
    """Whether functions are services of Cloud Run, from an image of one's own."""
    return setting.target.service == "cloud-run"


def image(setting: Setting) -> str:
    """The image's name, which changes with the package, unless the stage names a tag or a digest."""
    name = setting.target.image
    return name if ":" in name.rpartition("/")[2] else f"{name}:{setting.package.platform.sha256[:16]}"


def uri_of(setting: Setting, function: Function) -> str:
    """The address of a function."""
    if in_containers(setting):
        return reference("google_cloud_run_v2_service", label(function.name), "uri")
    return reference("google_cloudfunctions2_function", label(function.name), "service_config[0].uri")


def requests_of(function: Function) -> int:
    """How many requests one instance serves at once; it has one processor."""
    return REQUESTS if any(isinstance(start, Door) for start in function.starts) else 1


def most_of(function: Function) -> int | str:
    """How many instances there are at most."""
    return 1 if function.alone else CONCURRENCY.ref


def variables_of(setting: Setting, function: Function) -> dict[str, str]:
    """What a function is told in its environment."""
    secrets = f"gcpsecrets://{PROJECT.ref}/{setting.target.name}"
    return environment(setting, function, secrets, GOOGLE_CLOUD_PROJECT=PROJECT.ref)


def account_of(function: Function) -> str:
    """The e-mail address of a function's account."""
    return reference("google_service_account", label(function.name), "email")


def bucket_ref(setting: Setting, bucket: str) -> str:
    """The name of a bucket, made here or not."""
    return reference("google_storage_bucket", label(bucket), "name") if setting.makes(bucket) else bucket
