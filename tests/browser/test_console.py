"""The console as people use it, in a real browser: every page, by mouse and by keyboard, light and dark, on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser.eyes import PATIENCE, Watched, faults, generate, posted
from playwright.sync_api import Browser, expect
from story.house import House

expect.set_options(timeout=PATIENCE)
PAGES = {
    "/": "Platform", "/console/dashboards": "Dashboards", "/console/sql": "SQL", "/console/live": "Live",
    "/console/quarantine": "Quarantine", "/console/runs": "Runs", "/console/diagram": "Diagram",
}  # fmt: skip


def test_a_token_lets_in_and_a_wrong_one_does_not(chromium: Browser, occupancy: House) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    link = occupancy("console").strip()
    watched = Watched(context.new_page(), occupancy.url)
    page = watched.page
    page.goto(f"{occupancy.url}/console/sql")
    watched.picture("login")
    page.get_by_label("Or show a token").fill("ast_0000000000_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("Or show a token").fill(occupancy.token("read"))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="SQL")).to_be_visible()
    expect(page.get_by_text("This is for tokens with the scope sql")).to_be_visible()
    assert "ast_" not in page.evaluate("document.cookie + location.href + JSON.stringify({...localStorage})")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="Platform")).to_be_visible()
    assert page.url == f"{occupancy.url}/"
    assert watched.foreign == []
    context.close()


def test_the_graph_tells_what_flows_and_a_click_tells_the_rest(visit: Watched) -> None:
    page = visit.open("/", "Platform")
    assert "token" not in page.url
    node = page.get_by_role("button", name="Mart: hourly_access")
    expect(node).to_contain_text("rows")
    expect(page.get_by_role("button", name="Stream: accesses")).to_contain_text("6K records")
    expect(page.get_by_role("button", name="Stored events: events/accesses")).to_contain_text("up to date")
    visit.picture("platform")
    node.click()
    panel = page.get_by_role("complementary", name="Details")
    expect(panel).to_contain_text("incremental, by service")
    expect(panel.get_by_role("table")).to_contain_text("fact_access.event_time")
    visit.picture("details")
    panel.get_by_role("button", name="fact_access", exact=True).click()
    expect(panel.get_by_role("heading", name="fact_access")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Fact: fact_access")).to_be_focused()


def test_a_chart_follows_its_parameters_and_its_address_carries_them(visit: Watched) -> None:
    page = visit.open("/console/dashboards", "Dashboards")
    week = page.get_by_role("region", name="Usual count, by hour of the week", exact=True)
    week.locator(".heatmaplayer image").wait_for()
    visit.picture("dashboards")
    week.get_by_label("Service").fill("door-2")
    expect(week.get_by_role("link", name="Open")).to_have_attribute(
        "href", "/console/dashboards/usual_week?service=door-2"
    )
    week.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Usual count, by hour of the week")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Service")).to_have_value("door-2")
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table")).to_contain_text("Monday")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("day_of_week,weekday,hour_of_day,usual,weeks\n")
    page.get_by_label("Service").fill("nobody")
    expect(page.get_by_text("No rows yet.")).to_be_visible()


def test_sql_is_run_by_the_keyboard_and_a_mistake_is_shown_where_it_is(visit: Watched) -> None:
    page = visit.open("/console/sql", "SQL")
    editor = page.get_by_label("SQL", exact=True)
    editor.fill("select service, count(*) as events\nfrom fact_access\ngroup by service order by service")
    editor.press("Control+Enter")
    answer = page.get_by_role("region", name="The answer")
    expect(answer).to_contain_text("door-1")
    expect(page.get_by_text(re.compile("[34] rows in"))).to_be_visible()  # another test opens a door of its own
    visit.picture("sql")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert Path(download.value.path()).read_text().startswith("service,events\ndoor-1,")
    page.get_by_label("Find a table or column").fill("occupancy_over")
    page.get_by_text("occupancy_over_time").click()
    page.get_by_role("button", name="Insert the name").locator("visible=true").click()
    expect(editor).to_have_value(
        "select service, count(*) as events\nfrom fact_access\ngroup by service order by serviceoccupancy_over_time"
    )


def test_a_refused_statement_says_why(enter, occupancy: House) -> None:
    with enter(occupancy) as visit:
        page = visit.open("/console/sql", "SQL")
        editor = page.get_by_label("SQL", exact=True)
        for sql, said in (
            ("select 1\nfrm fact_access", "Line 2"),
            ("select * from read_csv('/etc/passwd')", "reaches out of the warehouse"),
        ):
            editor.fill(sql)
            page.get_by_role("button", name="Run").click()
            expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator(".editor .wrong")).to_have_count(0)
        visit.complaints = [each for each in visit.complaints if "status of 4" not in each]  # the refusals themselves


def test_a_view_moves_as_records_come(visit: Watched, occupancy: House) -> None:
    page = visit.open("/console/live", "Live")
    row = page.get_by_role("region", name="View site").get_by_role("row", name="all")
    before = int(row.get_by_role("cell").first.inner_text())
    posted(occupancy, service="door-9", event=1, eventTime="2019-09-06T18:30:00")
    expect(row.get_by_role("cell").first).to_have_text(str(before + 1))
    expect(page.get_by_role("region", name="Stream accesses")).to_contain_text('"door-9"')
    visit.picture("live")


def test_what_was_set_aside_is_replayed_or_dropped(visit: Watched, occupancy: House) -> None:
    page = visit.open("/console/quarantine", "Quarantine")
    items = page.get_by_role("listitem")
    expect(items).to_have_count(3)
    page.get_by_role("button", name="Invalid enum value 5").click()
    expect(page.get_by_role("region", name="Original bytes")).to_contain_text('"event": 5')
    visit.picture("quarantine")
    page.get_by_role("button", name="Replay").last.click()
    expect(page.get_by_role("status")).to_contain_text("refused again: Invalid enum value 5")
    occupancy.taken_up(lambda: occupancy.edit("event: Literal[1, -1]", "event: Literal[1, -1, 5]"))
    visit.open("/console/quarantine", "Quarantine")
    page.get_by_role("button", name="Invalid enum value 5").click()
    page.get_by_role("button", name="Replay").last.click()
    expect(page.get_by_role("status")).to_contain_text("1 record taken")
    expect(items).to_have_count(2)
    page.get_by_label("Choose all").check()
    page.get_by_role("button", name="Drop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Drop").click()
    expect(page.get_by_text("Nothing is set aside")).to_be_visible()
    assert occupancy.aside() == []
    # While it took up the file, the server began anew.
    visit.complaints = [each for each in visit.complaints if "ERR_CONNECTION" not in each]


def test_the_theme_is_the_systems_until_one_is_chosen(visit: Watched) -> None:
    page = visit.open("/", "Platform")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(ground)
    assert dark != light
    visit.picture("platform-dark")
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_every_page_can_be_reached_by_the_keyboard_alone(visit: Watched) -> None:
    page = visit.open("/", "Platform")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for name in ("Dashboards", "SQL", "Live", "Quarantine", "Runs", "Diagram"):
        page.get_by_role("navigation").get_by_role("link", name=name).press("Enter")
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        expect(page.get_by_role("main")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()


def test_on_a_phone_nothing_stands_out_of_the_page(enter, occupancy: House) -> None:
    with enter(occupancy, phone=True) as visit:
        for path, title in PAGES.items():
            page = visit.open(path, title)
            wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1], path
            visit.picture(f"phone-{title.lower()}")
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Platform", exact=True).click()
        expect(page.get_by_role("heading", name="Platform")).to_be_visible()
        expect(page.get_by_role("link", name="Diagram")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(enter, occupancy: House, axe: str, dark: bool) -> None:
    with enter(occupancy, dark=dark) as visit:
        for path, title in PAGES.items():
            visit.open(path, title)
            if title == "Dashboards":
                visit.page.locator(".heatmaplayer image").wait_for()
            assert faults(visit, axe) == [], path
        page = visit.open("/", "Platform")
        page.get_by_role("button", name="Mart: hourly_access").click()
        expect(page.get_by_role("complementary", name="Details").get_by_role("table")).to_be_visible()
        assert faults(visit, axe) == []
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert faults(visit, axe) == []


def test_files_that_are_dropped_appear_in_the_charts(enter, liberta: House) -> None:
    with enter(liberta) as visit:
        page = visit.open("/console/dashboards", "Dashboards")
        cohorts = page.get_by_role("region", name="Cohorts", exact=True)
        cohorts.get_by_role("button", name="Table").click()
        users = cohorts.get_by_role("cell").nth(1)
        expect(users).not_to_be_empty()
        page.locator(".js-plot").first.wait_for()
        visit.picture("dashboards-liberta")
        before = users.inner_text()
        generate(liberta, "--events", "500", "--after", "100000")
        expect(users).not_to_have_text(before)


def test_the_diagram_draws_keys_and_what_they_refer_to(enter, liberta: House) -> None:
    with enter(liberta) as visit:
        page = visit.open("/console/diagram", "Diagram")
        fact = page.get_by_role("region", name="fact f_revenue")
        expect(fact).to_contain_text("surr_session_id")
        expect(page.locator(".entities path")).to_have_count(2)
        visit.picture("diagram")
        page.get_by_role("button", name="All columns").click()
        expect(page.get_by_text("install_ts_from_unix")).to_be_visible()


def test_runs_tell_what_was_done_and_what_it_was_made_of(visit: Watched, enter, liberta: House) -> None:
    page = visit.open("/console/runs", "Runs")
    expect(page.get_by_role("table")).to_contain_text("take in streams.accesses")
    expect(page.get_by_role("table")).to_contain_text("alert the quarantine")
    with enter(liberta) as other:
        page = other.open("/console/runs", "Runs")
        page.locator("tr", has_text="d_session").last.locator("summary").click()
        parts = page.locator("details[open]")
        for part in ("read and landed", "d_session", "the whole transaction"):
            expect(parts.get_by_text(part)).to_be_visible()
        other.picture("runs")
        page.get_by_role("button", name="Only failures").click()
        expect(page.get_by_text("Nothing has failed.")).to_be_visible()
