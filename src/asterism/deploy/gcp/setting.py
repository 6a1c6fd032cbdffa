"""What every file here is given: the graph, the packages, and names made from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from asterism.declare.deployment import Deployment
from asterism.deploy.graph import Clock, Function, Graph, Records
from asterism.deploy.package import Package
from asterism.deploy.resource import Resource, Variable, label

ENTRY_POINT = "handle"
"""Of `asterism.entry.cloud_function`."""

PROJECT = Variable("project", "string", "", "The project's id.")
REGION = Variable("region", "string", "", "The region of everything.")
MEMORY = Variable("memory", "number", 1024, "MB of a function.")
TIMEOUT = Variable("timeout", "number", 300, "Seconds of a function, at most.")
CONCURRENCY = Variable("concurrency", "number", 10, "How many of a function run at once; one of the writer.")
LOG_DAYS = Variable("log_days", "number", 30, "Days for which logs are kept.")
ALARMS = Variable("alarms", "list(string)", [], "E-mail addresses that alarms go to.")


@dataclass(frozen=True, slots=True)
class Setting:
    """One deployment at GCP."""

    graph: Graph
    package: Package
    target: Deployment = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.graph.target)

    def name(self, *parts: str) -> str:
        """The name of a resource at GCP."""
        return "-".join((self.target.name, *(part.strip("_").replace("_", "-") for part in parts)))

    def makes(self, bucket: str) -> bool:
        """Whether a bucket is ours to make: its name begins with the deployment's. Another one is there already."""
        return bucket.startswith(self.target.name)

    def clocks(self, function: Function) -> Iterator[Clock]:
        """What is done by the clock. The warehouse's writer takes what waits in its subscriptions, many at once.

        Who is woken by each record is called now and then as well: one that stood still, and was mended, goes on.
        """
        if any(isinstance(start, Records) for start in function.starts):
            if function.alone:
                yield Clock("write", "", function.place, cron="* * * * *")
            else:
                yield Clock("read", function.name, function.place, cron="*/10 * * * *")
        yield from (start for start in function.starts if isinstance(start, Clock))


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and a prefix in it: empty, or with a slash at its end."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Read `gs://bucket/prefix`."""
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "")


def topic_name(graph: Graph, stream: str) -> str:
    """What a stream is called at Pub/Sub: behind the topic that the log's URI names."""
    prefix = urlsplit(graph.stores.log).path.strip("/")
    return f"{prefix}.{quote(stream, safe='')}"


def reference(kind: str, name: str, attribute: str) -> str:
    """A reference to a resource that another file makes."""
    return Resource(kind, name).ref(attribute)


def uri_of(function: Function) -> str:
    """The address of a function."""
    return reference("google_cloudfunctions2_function", label(function.name), "service_config[0].uri")


def account_of(function: Function) -> str:
    """The e-mail address of a function's account."""
    return reference("google_service_account", label(function.name), "email")


def bucket_ref(setting: Setting, bucket: str) -> str:
    """The name of a bucket, made here or not."""
    return reference("google_storage_bucket", label(bucket), "name") if setting.makes(bucket) else bucket
