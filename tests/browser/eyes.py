"""What looks at the console: a page that is watched, what axe-core finds on it, and what is sent to a platform."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect
from story.house import House

ROOT = Path(__file__).parents[2]
PICTURES = Path(os.environ.get("SCREENSHOTS") or ROOT / ".screenshots")
PATIENCE = 90_000.0
"""Milliseconds within which a page has to show something, however busy the machine is."""


@dataclass
class Watched:
    """A page, and what it should never do."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda each: each.type in {"error", "warning"} and self.complaints.append(each.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:", f"blob:{self.url}/")):
            self.foreign.append(url)

    def open(self, path: str, title: str) -> Page:
        """Open a page of the console, and wait until it is there."""
        self.page.goto(self.url + path)
        self.page.get_by_role("heading", name=title, level=1).wait_for()
        self.settled()
        return self.page

    def settled(self) -> None:
        """Wait until nothing is awaited on the page any more."""
        expect(self.page.locator("#main .skeleton")).to_have_count(0, timeout=PATIENCE)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


def generate(house: House, *arguments: str) -> None:
    command = [sys.executable, str(house.root / "generator" / "generate.py"), *arguments]
    subprocess.run(command, cwd=house.root, check=True, capture_output=True, timeout=60)


def faults(watched: Watched, axe: str) -> list[str]:
    """What axe-core finds serious or worse on the page as it is, one line each."""
    # Through the debugger, whose scripts no policy of a page holds up.
    watched.page.evaluate(axe)
    found = watched.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:150]}: {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def posted(house: House, **record: object) -> None:
    with house.client("ingest:*") as client:
        answer = client.post("/streams/accesses", json=record)
        assert answer.status_code == httpx.codes.ACCEPTED
