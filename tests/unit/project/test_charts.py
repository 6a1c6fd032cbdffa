from pathlib import Path

import pytest

from asterism.declare.chart import CHARTS
from asterism.project import headers


def read(chart: str):
    return headers.query(Path("queries/q.sql"), f"-- Q.\n-- chart: {chart}\nselect 1 as day, 2 as users")


def test_a_chart_is_read_whole():
    query, problems = read('line x=day y=users,payers series=platform unit=% title="Users a day"')
    assert problems == []
    chart = query.chart
    assert (chart.kind, chart.line, chart.unit, chart.title) == ("line", 2, "%", "Users a day")
    assert chart.columns == {"x": ("day",), "y": ("users", "payers"), "series": ("platform",)}


@pytest.mark.parametrize("kind", CHARTS)
def test_every_kind_stands_with_what_it_needs(kind):
    query, problems = read(f"{kind} {' '.join(f'{name}=users' for name in CHARTS[kind].needs)}")
    assert problems == []
    assert query.chart.kind == kind


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ("", "there is no chart ''"),
        ("lin x=day y=users", "there is no chart 'lin'|'line'"),
        ("line x=day y=users serie=a", "a chart line has no 'serie'|'series'"),
        ("line x=day", "a chart line needs y"),
        ("line x=day y=users x=day", "the chart says x twice"),
        ("line x=day y=users series=a,b", "'series=a,b' does not name one column"),
        ("line x=day y=users,", "'y=users,' does not name columns"),
        ("line day users", "'day' says nothing of the chart"),
        ('line x=day y=users title="Users', "the chart cannot be read"),
        ("number x=day", "a chart number has no 'x'"),
    ],
)
def test_a_wrong_chart_is_told_with_its_line_and_what_comes_nearest(chart, told):
    query, problems = read(chart)
    assert query is None
    found = "\n".join(map(str, problems))
    for words in told.split("|"):
        assert words.strip("'") in found
    assert "queries/q.sql:2" in found


def test_a_query_without_a_chart_is_sound():
    query, problems = headers.query(Path("queries/q.sql"), "-- Q.\nselect 1 as a")
    assert problems == []
    assert query.chart is None
