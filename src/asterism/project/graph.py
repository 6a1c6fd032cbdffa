"""What feeds what, from sources and streams to queries, stored events and publications. One graph, drawn from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from asterism.declare.model import Model, Query
from asterism.declare.platform import Platform
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import sources
from asterism.project.load import Project

NodeKind = Literal["source", "table", "stream", "dimension", "fact", "mart", "view", "store", "query", "publication"]

_FLOOR: dict[NodeKind, int] = {
    "source": 0, "table": 1, "stream": 1, "dimension": 2, "fact": 2, "mart": 2, "view": 2, "store": 3, "query": 3,
    "publication": 3,
}  # fmt: skip
"""The first layer that a kind may stand in."""
_LAST = frozenset({"store", "query", "publication"})
"""The kinds that stand at the end."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that data stands in or passes. `id` is unique in its graph, `name` is what people call it."""

    id: str
    name: str
    kind: NodeKind


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order of their layers and names; an edge leads from what feeds to what is fed, both ids."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def layers(self) -> tuple[tuple[Node, ...], ...]:
        """Nodes by how far they are from the sources: each stands right of all that feed it, queries at the end."""
        feeds: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for begin, end in self.edges:
            feeds[end].append(begin)
        kinds = {node.id: node.kind for node in self.nodes}
        placed: dict[str, int] = {}

        def place(node: str, above: frozenset[str] = frozenset()) -> int:
            # A circle is a problem for `check` to report; a picture of it should still come out.
            if node not in placed and node not in above:
                behind = 1 + max((place(feed, above | {node}) for feed in feeds[node]), default=-1)
                placed[node] = max(behind, _FLOOR[kinds[node]])
            return placed.get(node, 0)

        for node in self.nodes:
            place(node.id)
        last = 1 + max((placed[node.id] for node in self.nodes if node.kind not in _LAST), default=0)
        placed |= {node.id: last for node in self.nodes if node.kind in _LAST}
        columns = sorted(set(placed.values()))
        return tuple(tuple(node for node in self.nodes if placed[node.id] == column) for column in columns)


def graph(project: Project) -> Graph:
    """The graph of a project, from its files alone. SQL that does not parse stands alone in it."""
    schemas = {pull.into for pull in project.pulls}
    nodes: dict[str, Node] = {f"source:{name}": Node(f"source:{name}", name, "source") for name in sorted(schemas)}
    streams = {stream.table: f"stream:{stream.name}" for stream in project.platform.streams}
    tables: dict[str, Node] = {}
    edges: set[tuple[str, str]] = set()
    for node, begin, end in _pushed(project.platform):
        nodes[node.id] = node
        edges |= {(begin, end)} if begin and end else set()
    for node, begin in _stored(project.platform):
        nodes[node.id] = node
        edges.add((begin, node.id))
    for node, declared in _declared(project.models, project.queries):
        nodes[node.id] = node
        for name in _reads(declared):
            schema = name.partition(".")[0]
            if name in project.models:
                edges.add((f"model:{name}", node.id))
            elif name in streams:
                edges.add((streams[name], node.id))
            elif schema in schemas:
                tables[name] = Node(f"table:{name}", name, "table")
                edges |= {(f"table:{name}", node.id), (f"source:{schema}", f"table:{name}")}
    for each in project.publications:
        nodes[f"publication:{each.name}"] = Node(f"publication:{each.name}", each.name, "publication")
        edges |= {(f"model:{model}", f"publication:{each.name}") for model in each.models}
    ordered = [n for n in nodes.values() if n.kind == "source"] + [tables[name] for name in sorted(tables)]
    ordered += [n for n in nodes.values() if n.kind != "source"]
    return Graph(tuple(ordered), tuple(sorted(edges)))


def _pushed(platform: Platform) -> Iterator[tuple[Node, str, str]]:
    """Streams, what pushes into them and what folds them: each with an edge, whose ends are empty where it has none."""
    for stream in platform.streams:
        yield Node(f"stream:{stream.name}", stream.name, "stream"), "", ""
    for endpoint in platform.endpoints:
        into = endpoint.stream.name
        yield Node(f"source:sns/{into}", "Amazon SNS", "source"), f"source:sns/{into}", f"stream:{into}"
    for transform in platform.transforms:
        node = Node(f"stream:{transform.into.name}", transform.into.name, "stream")
        yield node, f"stream:{transform.stream.name}", node.id
    for view in platform.views:
        node = Node(f"view:{view.name}", view.name, "view")
        yield node, f"stream:{view.stream.name}", node.id
        if view.into is not None:
            yield node, node.id, f"stream:{view.into.name}"


def _stored(platform: Platform) -> Iterator[tuple[Node, str]]:
    """Stored events, a place a stream, and what leads there: the stream, and views that write beside its records."""
    for stream in [each.stream.name for each in platform.storings]:
        node = Node(f"store:{stream}", f"events/{stream}", "store")
        yield node, f"stream:{stream}"
        for view in platform.views:
            if view.stream.name == stream and view.family is not None:
                yield node, f"view:{view.name}"


def _declared(models: Mapping[str, Model], queries: Mapping[str, Query]) -> list[tuple[Node, Model | Query]]:
    found: list[tuple[Node, Model | Query]] = [
        (Node(f"model:{model.name}", model.name, model.kind), model) for model in models.values()
    ]
    return found + [(Node(f"query:{query.name}", query.name, "query"), query) for query in queries.values()]


def _reads(declared: Model | Query) -> list[str]:
    try:
        return sorted({name for name, _ in sources(parse(declared.sql))})
    except Refused:
        return []
