"""What the console shows of data that look like something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser.eyes import Watched
from playwright.sync_api import expect
from story.house import House

LONG = "a name that does not end soon, and goes on and on until nobody reads it"
FILES = {
    "platform.py": 'from asterism import Platform\nplatform = Platform("odd")\nplatform.stream("free", public=True)\n',
    "asterism.toml": '[dev]\nwarehouse = "duckdb:///.asterism/w.duckdb"\nlake = ".asterism/lake"\n',
    "queries/names.sql": "-- Odd names.\n-- chart: bar x=label y=amount\n"
    f"select * from (values ('Ünï & <b>bold</b>', 2), ('{LONG}', 3)) as t(label, amount) order by 2\n",
}


ENDLESS = """('a', 1e308, 1), ('b', 'nan'::double, 2), ('c', 'inf'::double, 3), ('d', null, 4), ('e', -1e308, 2),
    ('f', 5e307, 3)"""
for kind, options in {
    "bar": "y=amount", "line": "y=amount", "stacked": "y=amount series=part", "heat": "y=part value=amount",
}.items():  # fmt: skip
    FILES[f"queries/{kind}s.sql"] = (
        f"-- Figures without end.\n-- chart: {kind} x=label {options}\n"
        f"select * from (values {ENDLESS}) as t(label, amount, part) order by 1\n"
    )
FILES["queries/numbers.sql"] = "-- Large.\n-- chart: number value=a\nselect 1e308 as a\n"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("odd")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    house = House(root)
    with house.running():
        yield house


@pytest.fixture
def seen(enter, odd: House) -> Iterator[Watched]:
    with enter(odd) as watched:
        yield watched


def test_names_in_a_chart_are_as_the_data_have_them_and_long_ones_leave_room(seen: Watched) -> None:
    page = seen.open("/console/dashboards/names", "Names")
    ticks = page.locator(".ytick text")
    expect(ticks).to_have_count(2)
    assert [ticks.nth(0).text_content(), ticks.nth(1).text_content()] == ["Ünï & <b>bold</b>", f"{LONG[:39]}…"]


@pytest.mark.parametrize("kind", ["bar", "line", "stacked"])
def test_figures_without_end_are_gaps_and_the_largest_have_a_scale(seen: Watched, kind: str) -> None:
    page = seen.open(f"/console/dashboards/{kind}s", f"{kind.title()}s")
    ticks = page.locator(".ytick text")
    expect(ticks.first).to_have_text("\N{MINUS SIGN}1E308")
    expect(ticks.last).to_have_text("1E308")
    boxes = [mark.bounding_box() for mark in page.locator(".points path").all()]
    drawn = [box for box in boxes if box and box["width"] and box["height"]]
    plot = page.locator(".js-plot").bounding_box()
    assert plot is not None
    assert len({round(box["x"]) for box in drawn}) == len(drawn) == 3
    assert all(plot["y"] <= box["y"] <= box["y"] + box["height"] <= plot["y"] + plot["height"] for box in drawn)


def test_a_heat_map_leaves_figures_without_end_out(seen: Watched) -> None:
    page = seen.open("/console/dashboards/heats", "Heats")
    expect(page.locator(".annotation text")).to_have_text("amount: light -1E308, strong 1E308")
    expect(page.locator(".ytick text")).to_have_text(["4", "3", "2", "1"])


def test_an_immense_number_is_said_by_its_power_of_ten(seen: Watched) -> None:
    page = seen.open("/console/dashboards/numbers", "Numbers")
    expect(page.locator(".numbers dd")).to_have_text("1E308")


def test_what_was_set_aside_is_shown_as_it_came(seen: Watched, odd: House) -> None:
    body = b'{"x": 9007199254740993, "x": [1.10, {}], "y": 1e400}'
    with odd.client("admin") as client:
        assert client.post("/streams/free", content=body).status_code == 400
    odd.until(lambda: len(odd.aside()) == 1)
    page = seen.open("/console/quarantine", "Quarantine")
    page.get_by_role("button", name="Number out of range").click()
    shown = page.get_by_role("region", name="Original bytes").text_content() or ""
    lines = ["{", '  "x": 9007199254740993,', '  "x": [', "    1.10,", "    {}", "  ],", '  "y": 1e400', "}"]
    assert "\n".join(lines) in shown


def test_an_address_that_nobody_encoded_leads_somewhere(seen: Watched) -> None:
    seen.open("/console/platform/%zz", "Platform")
