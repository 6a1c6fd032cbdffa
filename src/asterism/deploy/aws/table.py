"""DynamoDB: the live views' states, stored events, and how far readers of the log have come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from asterism.deploy.resource import Resource
from asterism.deploy.setting import Setting

VIEWS, EVENTS, POSITIONS = "views", "events", "positions"
CHANGES = "changes"
"""The index by which changes are followed."""


def table_name(uri: str) -> str:
    """What `dynamodb://table` names."""
    parts = urlsplit(uri)
    return unquote(parts.netloc + parts.path).strip("/")


def positions_name(uri: str) -> str:
    """What `kinesis://prefix?positions=table` names; empty: none."""
    return parse_qs(urlsplit(uri).query).get(POSITIONS, [""])[0]


def tables(setting: Setting) -> Iterator[Resource]:
    """In the shapes that the adapters describe."""
    graph = setting.graph
    if any(function.uses_of("views") for function in graph.functions):
        name = table_name(graph.stores.views)
        yield table(VIEWS, name, "the states of the live views", graph.place("views"), index=True)
    if any(function.uses_of("events") for function in graph.functions):
        yield table(EVENTS, table_name(graph.stores.events), "stored events, by key and time", graph.place("events"))
    if graph.logs and (name := positions_name(graph.stores.log)):
        yield table(POSITIONS, name, "how far the log has been read, and what was erased", graph.place("log"))


def table(label: str, name: str, purpose: str, place: str, *, index: bool = False) -> Resource:
    """A table whose key is (`pk`, `sk`), with backups for any moment of the last weeks."""
    attributes = [{"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}]
    arguments: dict[str, Any] = {
        "name": name,
        "billing_mode": "PAY_PER_REQUEST",
        "hash_key": "pk",
        "range_key": "sk",
        "attribute": attributes,
        "ttl": [{"attribute_name": "ttl", "enabled": True}],
        "point_in_time_recovery": [{"enabled": True}],
        "server_side_encryption": [{"enabled": True}],
        "deletion_protection_enabled": True,
    }
    if index:
        attributes.append({"name": "ver", "type": "N"})
        arguments["local_secondary_index"] = [{"name": CHANGES, "range_key": "ver", "projection_type": "ALL"}]
    return Resource("aws_dynamodb_table", label, arguments, purpose, place, keeps=True)
