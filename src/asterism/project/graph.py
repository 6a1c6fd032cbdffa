"""What feeds what: sources, their tables, models, queries. One graph, drawn and explained from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from asterism.declare.model import Model, Query
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import sources
from asterism.project.load import Project

NodeKind = Literal["source", "table", "dimension", "fact", "mart", "query"]

_FLOOR: dict[NodeKind, int] = {"source": 0, "table": 1, "dimension": 2, "fact": 2, "mart": 2, "query": 3}
"""The first layer that a kind may stand in."""


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
        last = 1 + max((placed[node.id] for node in self.nodes if node.kind != "query"), default=0)
        placed |= {node.id: last for node in self.nodes if node.kind == "query"}
        columns = sorted(set(placed.values()))
        return tuple(tuple(node for node in self.nodes if placed[node.id] == column) for column in columns)


def graph(project: Project) -> Graph:
    """The graph of a project, from its files alone. SQL that does not parse stands alone in it."""
    schemas = {pull.into for pull in project.pulls}
    nodes: dict[str, Node] = {f"source:{name}": Node(f"source:{name}", name, "source") for name in sorted(schemas)}
    tables: dict[str, Node] = {}
    edges: set[tuple[str, str]] = set()
    for node, declared in _declared(project.models, project.queries):
        nodes[node.id] = node
        for name in _reads(declared):
            if name in project.models:
                edges.add((f"model:{name}", node.id))
                continue
            schema = name.partition(".")[0]
            if schema in schemas:
                tables[name] = Node(f"table:{name}", name, "table")
                edges |= {(f"table:{name}", node.id), (f"source:{schema}", f"table:{name}")}
    ordered = [n for n in nodes.values() if n.kind == "source"] + [tables[name] for name in sorted(tables)]
    ordered += [n for n in nodes.values() if n.kind != "source"]
    return Graph(tuple(ordered), tuple(sorted(edges)))


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
