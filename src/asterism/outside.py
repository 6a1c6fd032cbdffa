"""What may not be installed: adapters of other packages, and vendors' libraries that our own adapters need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

from asterism.declare.stage import Stage
from asterism.declare.storing import NOWHERE
from asterism.errors import UsageError

GROUP = "asterism.adapters"
_EXTRAS = {"boto3": "aws", "botocore": "aws", "google": "gcp", "grpc": "gcp"}
"""Which extra of ours brings a package of a vendor."""

PORTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "warehouse": ("engine", ("duckdb", "postgresql", "postgres", "embedded", "bigquery", "redshift")),
    "lake": ("lake", ("file", "s3", "gs", "memory")),
    "log": ("log", ("sqlite", "kinesis", "pubsub")),
    "delivery": ("delivery", ("firehose",)),
    "views": ("state", ("sqlite", "dynamodb", "bigtable")),
    "events": ("events", ("sqlite", "dynamodb", "bigtable")),
    "catalogue": ("catalogue", ("athena",)),
    "mail": ("mailer", ("smtp", "smtps")),
}
"""Of each setting of a stage that is a URI: the port, and the schemes of our own adapters."""


@contextmanager
def needing(subject: str) -> Iterator[None]:
    """Around the import of an adapter whose library may not be installed: then UsageError says which extra has it."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = _EXTRAS[package]
        remedy = f"Install it: pip install 'asterism[{extra}]'."
        raise UsageError(subject, f"needs the package {error.name}, which is not installed", remedy) from error


def outside(port: str, scheme: str, subject: str, known: tuple[str, ...]) -> Callable[..., Any]:
    """The factory that a package registered for a scheme."""
    registered = {point.name: point for point in entry_points(group=GROUP)}
    point = registered.get(f"{port}.{scheme}")
    if point is None:
        others = [name.partition(".")[2] for name in registered if name.startswith(f"{port}.")]
        schemes = ", ".join(f"{each}:" for each in (*known, *sorted(others)))
        remedy = f"Use one of {schemes} in asterism.toml"
        remedy += f", or install a package that registers {port}.{scheme}." if scheme else "."
        fact = f"no adapter is known for {scheme + ':' if scheme else 'a URI without a scheme'}"
        raise UsageError(subject, fact, remedy)
    factory: Callable[..., Any] = point.load()
    return factory


def foreign(stage: Stage, setting: str) -> Callable[..., Any]:
    """The factory, from another package, of what a setting's URI names. Raises UsageError where there is none."""
    port, known = PORTS[setting]
    return outside(port, urlsplit(getattr(stage, setting)).scheme, f"the {setting} of stage {stage.name}", known)


def is_ours(stage: Stage, setting: str) -> bool:
    """Whether an adapter of our own is meant, or nothing is."""
    uri = getattr(stage, setting)
    return uri in {"", NOWHERE} or urlsplit(uri).scheme in PORTS[setting][1]
