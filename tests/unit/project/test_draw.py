import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from asterism.project.draw import mermaid, svg
from asterism.project.graph import Graph, Node, graph
from asterism.project.load import load

GOLDEN = Path(__file__).parents[2] / "golden" / "draw"

SMALL = Graph(
    (
        Node("source:shop", "shop", "source"),
        Node("table:shop.orders", "shop.orders", "table"),
        Node("model:dim_day", "dim_day", "dimension"),
        Node("model:fact_order", "fact_order", "fact"),
        Node("model:revenue", "revenue", "mart"),
        Node("query:best_days", "best_days", "query"),
        Node("stream:visits", "visits", "stream"),
        Node("view:inside", "inside", "view"),
        Node("store:visits", "events/visits", "store"),
    ),
    (
        ("source:shop", "table:shop.orders"),
        ("table:shop.orders", "model:fact_order"),
        ("model:fact_order", "model:revenue"),
        ("model:dim_day", "model:revenue"),
        ("model:revenue", "query:best_days"),
        ("stream:visits", "view:inside"),
        ("stream:visits", "store:visits"),
        ("view:inside", "store:visits"),
    ),
)


@pytest.mark.parametrize(("file", "draw"), [("small.mmd", mermaid), ("small.svg", lambda g: svg(g, "small"))])
def test_the_small_graph_is_drawn_as_it_was(file, draw):
    # To take on a new picture, look at it first: GOLDEN=write pytest tests/unit/project/test_draw.py
    drawn, path = draw(SMALL), GOLDEN / file
    if os.environ.get("GOLDEN") == "write":
        path.write_text(drawn)
    assert drawn == path.read_text()


def test_layers_lead_from_sources_to_queries():
    assert [[node.name for node in layer] for layer in SMALL.layers()] == [
        ["shop"],
        ["shop.orders", "visits"],
        ["dim_day", "fact_order", "inside"],
        ["revenue"],
        ["best_days", "events/visits"],
    ]


def test_a_circle_of_models_can_still_be_drawn():
    nodes = (Node("a", "a", "mart"), Node("b", "b", "mart"))
    drawn = svg(Graph(nodes, (("a", "b"), ("b", "a"))), "circle")
    assert drawn.count("<rect") == 2


def test_an_empty_graph_is_a_picture_too():
    ET.fromstring(svg(Graph((), ()), "nothing"))
    assert mermaid(Graph((), ())) == "flowchart LR\n"


def test_names_are_escaped():
    drawn = svg(Graph((Node("a", "<&>", "query"),), ()), "<&>")
    assert ET.fromstring(drawn).findtext("{http://www.w3.org/2000/svg}title") == "<&>"


def test_the_graph_of_a_project_follows_its_sql(tmp_path):
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n')
    source = 'Postgres("postgresql://h/d")'
    (tmp_path / "platform.py").write_text(
        "from asterism import Platform\nfrom asterism.sources import Postgres\n"
        f'platform = Platform("p")\nplatform.pull({source}, into="shop")\n'
    )
    (tmp_path / "models").mkdir()
    header = "-- X.\n-- kind: mart\n-- key: a\n"
    (tmp_path / "models" / "m.sql").write_text(
        header + "with shop as (select 1 as a) select a from shop join shop.orders using (a)"
    )
    (tmp_path / "models" / "n.sql").write_text(header + "select a from m where a in (select a from shop.items)")
    (tmp_path / "models" / "broken.sql").write_text(header + "select from where")
    drawn = graph(load(tmp_path, environment={}))
    assert set(drawn.edges) == {
        ("source:shop", "table:shop.orders"),
        ("source:shop", "table:shop.items"),
        ("table:shop.orders", "model:m"),
        ("table:shop.items", "model:n"),
        ("model:m", "model:n"),
    }
    assert {node.name for node in drawn.nodes} == {"shop", "shop.orders", "shop.items", "m", "n", "broken"}


STORING = """\
from datetime import datetime

from asterism import Platform, Record

platform = Platform("p")


class Visit(Record):
    door: str
    at: datetime


class Inside(Record):
    people: int = 0


visits = platform.stream("visits", Visit, key="door")
platform.store(visits, at="at")


@platform.view(visits, family="inside")
def inside(state: Inside, visit: Visit) -> Inside:
    return state


@platform.view(visits, key=None)
def all_of_them(state: Inside, visit: Visit) -> Inside:
    return state
"""


@pytest.mark.parametrize(("events", "expected"), [("", {"stream:visits", "view:inside"}), ('events = "none"\n', set())])
def test_what_writes_into_the_event_store_leads_to_it_where_a_stage_stores_events(tmp_path, events, expected):
    (tmp_path / "asterism.toml").write_text(f'[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n{events}')
    (tmp_path / "platform.py").write_text(STORING)
    drawn = graph(load(tmp_path, environment={}))
    assert {begin for begin, end in drawn.edges if end == "store:visits"} == expected
    assert any(node.kind == "store" for node in drawn.nodes) == bool(expected)
