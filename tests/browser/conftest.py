"""A real Chromium, one for all tests of a process, and two platforms at work that it looks at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from browser.eyes import ROOT, Watched, generate
from playwright.sync_api import Browser, sync_playwright
from story.house import House

from asterism.run.tokens import Tokens

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. It has an event loop of this process, which is nobody else's until the module ends.

    Skipped where none is installed; one that does not start is an error.
    """
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def occupancy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """occupancy with a month of visitors, and three records that it could not take."""
    house = House.of("occupancy", tmp_path_factory.mktemp("browser"))
    with house.running():
        house("simulate", "--limit", "6000", "--speed", "0")
        with house.client("admin") as client:
            for body in (
                b'{"service":"door-1","event":5,"eventTime":"2019-09-06T18:00:00"}',
                b'{"serv',
                b"\xff\xfe\x00",
            ):
                assert client.post("/streams/accesses", content=body).status_code == 400
        house.until(lambda: len(house.aside()) == 3)
        house.until(lambda: house.one("select count(*) from fact_access") == 6000)
        yield house


@pytest.fixture(scope="module")
def liberta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """liberta with a fortnight of events in its folder."""
    house = House.of("liberta", tmp_path_factory.mktemp("browser"))
    generate(house, "--events", "100000")
    with house.running():
        house.until(lambda: house.told("pulled"))  # the table stands
        house.until(lambda: house.one("select count(*) from rawevents.events") >= 100_000)
        house.until(lambda: {each["state"] for each in house.json("status")["models"]} == {"current"})  # the star too
        yield house


@pytest.fixture
def enter(chromium: Browser) -> Callable[..., Iterator[Watched]]:
    """Lets a browser of its own into a house, and finds at the end that it complained of nothing and asked nobody."""

    @contextmanager
    def into(house: House, *, phone: bool = False, dark: bool = False) -> Iterator[Watched]:
        token = Tokens(house.root / ".asterism" / house.stage).create(("admin",))[0]
        context = chromium.new_context(
            viewport={"width": 360, "height": 740} if phone else {"width": 1280, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        watched = Watched(context.new_page(), house.url)
        watched.page.goto(f"{house.url}/#token={token}")
        watched.page.locator("#nav").wait_for(state="attached")
        try:
            yield watched
        except BaseException:
            watched.picture("failed")
            raise
        finally:
            context.close()
        assert watched.complaints == []
        assert watched.foreign == []

    return into


@pytest.fixture
def visit(enter, occupancy: House) -> Iterator[Watched]:
    """A browser that is logged in to occupancy."""
    with enter(occupancy) as watched:
        yield watched


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that judges accessibility."""
    file = ROOT / ".emulators" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        pytest.skip("no axe-core: `make .emulators/axe/.made`, which needs npm")
    return file.read_text(encoding="utf-8")
