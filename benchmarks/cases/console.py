"""The console in Chromium: when a page first shows something, and how long a dropped file takes into a chart."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from benchmarks import hall
from benchmarks.cases.liberta import generate
from benchmarks.contenders.asterism_liberta import EXAMPLE
from benchmarks.options import Options
from benchmarks.report import Row

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_PAGES = {"Platform": "/", "Dashboards": "/console/dashboards", "SQL": "/console/sql", "Runs": "/console/runs"}
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_COHORT = "document.querySelector('#main [aria-label=Cohorts] td:nth-child(2)')?.innerText"
_MANY = 100_000


def console(options: Options) -> list[Row]:
    """Look at liberta with its dashboards; nothing is measured where there is no Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        return []
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few have it

    events, drops = (1_000, 1) if options.quick else (_MANY, 20)
    with _house(events) as door, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS])
        cold = [_painted(browser, door, each) for each in [*_PAGES.values()] * options.runs]
        times = _dropped(browser, door, events, drops)
        browser.close()
    return [
        Row("the console's first paint, nothing kept", cold, [], targets=options.target("s", median(cold), 0.3)),
        Row("  the slowest of its pages", [max(cold)], []),
        Row("a file in the folder until a chart shows it: p50", [median(times)], []),
        Row("  the slowest", [max(times)], [], targets=options.target("s", max(times), 2)),
    ]


def _painted(browser: Browser, door: hall.Door, path: str) -> float:
    """Seconds until a page shows something, in a browser that has logged in and keeps nothing of it but the cookie."""
    first = browser.new_context()
    page = _entered(first.new_page(), door)
    cookies = [{name: each[name] for name in ("name", "value", "domain", "path")} for each in first.cookies()]
    first.close()
    fresh = browser.new_context()
    fresh.add_cookies(cookies)  # type: ignore[arg-type]  # as Playwright gave them
    page = fresh.new_page()
    page.goto(f"http://127.0.0.1:{door.port}{path}")
    seconds: float = _until(page, _PAINTED, None) / 1000
    fresh.close()
    return seconds


def _dropped(browser: Browser, door: hall.Door, events: int, drops: int) -> list[float]:
    """Seconds from when a file is in its folder, at any moment, until the page shows another figure for it."""
    page = _entered(browser.new_page(), door)
    page.goto(f"http://127.0.0.1:{door.port}/console/dashboards")
    page.get_by_role("region", name="Cohorts", exact=True).get_by_role("button", name="Table").click()
    shown = _until(page, _COHORT, None)
    times = []
    for number in range(drops):
        made = Path(mkdtemp(prefix="asterism-bench-"))
        generate(made, 500, events + 500 * number)
        time.sleep(random.uniform(0.5, 1.5))
        began = time.perf_counter()
        for file in sorted(each for each in made.rglob("*") if each.is_file()):
            shutil.copyfile(file, door.root / ".asterism" / "rawevents" / f"{number}-{file.name}")
        shown = _until(page, _COHORT, shown)
        times.append(time.perf_counter() - began)
        shutil.rmtree(made)
    return times


def _until(page: Page, what: str, before: Any) -> Any:
    """What an expression says once it says something else than before. The page's policy lets no script wait for it."""
    until = time.monotonic() + 60
    while (found := page.evaluate(what)) in {before, None}:
        if time.monotonic() > until:
            sys.exit(f"{page.url}: {what} has stayed {found!r}")
        time.sleep(0.01)
    return found


def _entered(page: Page, door: hall.Door) -> Page:
    page.goto(f"http://127.0.0.1:{door.port}/#token={door.token}")
    page.locator("#nav").wait_for(state="attached")
    return page


@contextmanager
def _house(events: int) -> Iterator[hall.Door]:
    """liberta at work, with so many events."""
    folder = Path(mkdtemp(prefix="asterism-bench-"))
    try:
        root = folder / "liberta"
        shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
        generate(root / ".asterism" / "rawevents", events, 0)
        for name in ("RAWEVENTS_URL", "ANALYSIS_URL"):
            os.environ.pop(name, None)
        with hall.platform(root, ("read",)) as door:
            yield door
    finally:
        shutil.rmtree(folder, ignore_errors=True)
