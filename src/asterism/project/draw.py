"""The graph as a picture: Mermaid text for documents, SVG that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from asterism.project.graph import Graph, Node

_SHAPES = {
    "source": ("[(", ")]"),
    "table": ("[", "]"),
    "stream": ("[/", "/]"),
    "dimension": ("(", ")"),
    "fact": ("[[", "]]"),
    "mart": ("(", ")"),
    "view": ("([", "])"),
    "store": ("[(", ")]"),
    "query": (">", "]"),
    "publication": ("[(", ")]"),
}

_HEIGHT, _GAP, _MARGIN, _CHANNEL, _LETTER = 28, 10, 24, 90, 7.3

_STYLE = """
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, monospace; fill: #1c2430; dominant-baseline: central }
  rect { stroke-width: 1.2 }
  path { fill: none; stroke: #8a97a8; stroke-opacity: .55; stroke-width: 1.1 }
  .source { fill: #dfe5ec; stroke: #5b6b7f } .table { fill: #f3f5f8; stroke: #9aa7b7 }
  .dimension { fill: #e0eefc; stroke: #3b7ddd } .fact { fill: #fdebd8; stroke: #d9822b }
  .mart { fill: #e6f5e6; stroke: #3d9a50 } .query { fill: #f1e8fb; stroke: #8858c8 }
  .stream { fill: #dff3f3; stroke: #25888e } .view { fill: #fbe6ee; stroke: #c2477b }
  .publication { fill: #dfe5ec; stroke: #5b6b7f } .store { fill: #f6efd6; stroke: #9a7d1a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6ebf2 } path { stroke: #7c8a9c }
    .source { fill: #2a3442; stroke: #8fa1b8 } .table { fill: #1f2732; stroke: #56657a }
    .dimension { fill: #14304f; stroke: #5b9bf0 } .fact { fill: #4a2e10; stroke: #e79a4b }
    .mart { fill: #173a1f; stroke: #5cb870 } .query { fill: #33234a; stroke: #a987dc }
    .stream { fill: #0f3a3d; stroke: #55b9bf } .view { fill: #4a1b30; stroke: #e87ba8 }
    .publication { fill: #2a3442; stroke: #8fa1b8 } .store { fill: #3d3413; stroke: #cdb04a }
  }
"""


def mermaid(graph: Graph) -> str:
    """A Mermaid flowchart, left to right."""
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opening, closing = _SHAPES[node.kind]
        lines.append(f'  {ids[node.id]}{opening}"{node.name}"{closing}:::{node.kind}')
    lines += [f"  {ids[begin]} --> {ids[end]}" for begin, end in graph.edges]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Box:
    node: Node
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.y + _HEIGHT / 2


def svg(graph: Graph, title: str) -> str:
    """An SVG of the layers from left to right, readable on light and on dark ground."""
    boxes = _placed(graph)
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN
    height = max((box.y + _HEIGHT for box in boxes.values()), default=0) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:g} {height:g}">',
        f"  <title>{escape(title)}</title>",
        f"  <style>{_STYLE}  </style>",
    ]
    for begin, end in graph.edges:
        out, into = boxes[begin], boxes[end]
        x1, y1, x2, y2 = out.x + out.width, out.middle, into.x, into.middle
        bend = (x1 + x2) / 2
        lines.append(f'  <path d="M{x1:g} {y1:g} C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"/>')
    for box in boxes.values():
        size = f'width="{box.width:g}" height="{_HEIGHT}" rx="6"'
        lines.append(f'  <rect class="{box.node.kind}" x="{box.x:g}" y="{box.y:g}" {size}/>')
        lines.append(f'  <text x="{box.x + 12:g}" y="{box.middle:g}">{escape(box.node.name)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _placed(graph: Graph) -> dict[str, _Box]:
    layers = untangled(graph)
    tallest = max((len(layer) for layer in layers), default=0)
    boxes: dict[str, _Box] = {}
    x = float(_MARGIN)
    for layer in layers:
        width = max(round(len(node.name) * _LETTER) + 24 for node in layer)
        y = _MARGIN + (tallest - len(layer)) * (_HEIGHT + _GAP) / 2
        for row, node in enumerate(layer):
            boxes[node.id] = _Box(node, x, y + row * (_HEIGHT + _GAP), width)
        x += width + _CHANNEL
    return boxes


def untangled(graph: Graph) -> list[list[Node]]:
    """The layers, each sorted by the middle of its neighbours, a few times: few crossings for little work."""
    layers = [list(layer) for layer in graph.layers()]
    neighbours: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for begin, end in graph.edges:
        neighbours[begin].append(end)
        neighbours[end].append(begin)
    height = {node.id: row - len(layer) / 2 for layer in layers for row, node in enumerate(layer)}
    for sweep in range(8):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wish = {
                node.id: sum(height[other] for other in neighbours[node.id]) / max(len(neighbours[node.id]), 1)
                for node in layer
            }
            layer.sort(key=lambda node: (wish[node.id], node.id))
            height |= {node.id: row - len(layer) / 2 for row, node in enumerate(layer)}
    return layers
