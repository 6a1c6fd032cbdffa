"""The graph of a deployment as Mermaid."""

from __future__ import annotations

from asterism.deploy.explain import said
from asterism.deploy.graph import Graph, Records

_STORE = ("[(", ")]")
_SHAPES = {"log": ("[/", "/]"), "views": _STORE, "events": _STORE, "lake": _STORE, "warehouse": _STORE}


def mermaid(graph: Graph) -> str:
    """What starts each function, and what it writes."""
    lines = ["flowchart LR"]
    things: dict[str, str] = {}
    edges: list[str] = []
    for log in graph.logs:
        things[f"log_{log.name}"] = f'log_{log.name}[/"{log.name}"/]'
    for function in graph.functions:
        box = function.name.replace("-", "_")
        lines.append(f'  {box}["{function.name}<br/>{function.purpose}"]')
        for number, start in enumerate(function.starts):
            if isinstance(start, Records):
                edges.append(f"  log_{start.stream} --> {box}")
            else:
                edges.append(f'  {box}_{number}(("{said(start)}")) --> {box}')
        for use in function.uses:
            if use.thing in {"views", "events", "lake", "warehouse"}:
                opened, shut = _SHAPES[use.thing]
                things[use.thing] = f'{use.thing}{opened}"{use.thing}"{shut}'
                edges.append(f"  {box} {'-->' if use.access == 'write' else '-.->'} {use.thing}")
            elif use.thing == "log" and use.access == "append":
                edges.append(f"  {box} --> log_{use.name}")
    lines += [f"  {each}" for each in things.values()]
    return "\n".join([*lines, *edges]) + "\n"
