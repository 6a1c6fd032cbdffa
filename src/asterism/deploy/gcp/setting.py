"""What every file here is given, and references to what others make."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from asterism.deploy.graph import Clock, Function, Graph, Records
from asterism.deploy.resource import Variable, label
from asterism.deploy.setting import Setting, reference

ENTRY_POINT = "handle"
"""Of `asterism.entry.cloud_function`."""

PROJECT = Variable("project", "string", "", "The project's id.")


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


def uri_of(function: Function) -> str:
    """The address of a function."""
    return reference("google_cloudfunctions2_function", label(function.name), "service_config[0].uri")


def account_of(function: Function) -> str:
    """The e-mail address of a function's account."""
    return reference("google_service_account", label(function.name), "email")


def bucket_ref(setting: Setting, bucket: str) -> str:
    """The name of a bucket, made here or not."""
    return reference("google_storage_bucket", label(bucket), "name") if setting.makes(bucket) else bucket
