"""What the resources of either cloud are made from: the graph, the packages, names, and what may be given otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from asterism.declare.deployment import Deployment
from asterism.deploy.graph import Function, Graph, Records
from asterism.deploy.package import PROJECT, Package
from asterism.deploy.resource import Resource, Variable

REGION = Variable("region", "string", "", "The region of everything.")
MEMORY = Variable("memory", "number", 1024, "MB of a function.")
TIMEOUT = Variable("timeout", "number", 300, "Seconds of a function, at most.")
CONCURRENCY = Variable("concurrency", "number", 10, "How many of a function run at once; one of the writer.")
LOG_DAYS = Variable("log_days", "number", 30, "Days for which logs are kept.")
REDRIVE = Variable("redrive", "bool", default=False, description="Whether functions work off their dead letters.")
ALARMS = Variable("alarms", "list(string)", [], "E-mail addresses that alarms go to.")


@dataclass(frozen=True, slots=True)
class Setting:
    """One deployment."""

    graph: Graph
    package: Package
    target: Deployment = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.graph.target)

    def name(self, *parts: str) -> str:
        """The name of a resource in the cloud."""
        return "-".join((self.target.name, *(part.strip("_").replace("_", "-") for part in parts)))

    def makes(self, bucket: str) -> bool:
        """Whether a bucket is ours to make: its name begins with the deployment's. Another one is there already."""
        return bucket.startswith(self.target.name)


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and a prefix in it: empty, or with a slash at its end."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Read `s3://bucket/prefix`, or with the other clouds' schemes."""
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "")


def reference(kind: str, name: str, attribute: str) -> str:
    """A reference to a resource that another file makes."""
    return Resource(kind, name).ref(attribute)


def environment(setting: Setting, declared: Function, secrets: str, **more: str) -> dict[str, str]:
    """What a function is told: project and stage, what it is, where secrets are, the project's own variables."""
    graph = setting.graph
    told = {
        "ASTERISM_PROJECT": PROJECT,
        "ASTERISM_STAGE": graph.stage,
        "ASTERISM_FUNCTION": declared.name,
        "ASTERISM_SECRETS": secrets,
        **more,
    }
    consumers = {start.consumer for start in declared.starts if isinstance(start, Records)}
    if consumers:
        told["ASTERISM_CONSUMER"] = ",".join(sorted(consumers))
    if sealed := graph.sealed(declared):
        told["ASTERISM_SEALED"] = ",".join(sealed)
    return dict(graph.variables) | told
