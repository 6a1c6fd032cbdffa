"""Questions over HTTP: how many a second, how long one takes; beside a hand-written service over the same tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from asterism.adapters.postgres.embedded import embedded
from benchmarks import children, hall
from benchmarks.cases.liberta import generate
from benchmarks.options import Options
from benchmarks.report import Row

_CONNECTIONS = 16
_PEER = "FastAPI + psycopg"
_ASKED = {
    "new questions": "/queries/users?country=SE&after={n}",
    "a question asked again": "/queries/users?country=SE&after=0",
}
_USERS = """\
-- Users of a country, from one on.
-- param: country varchar
-- param: after bigint = 0
select user_id, country_code, is_paying, first_build from d_user
where country_code = $country and surr_user_id > $after order by surr_user_id limit 20
"""


def queries(options: Options) -> list[Row]:
    """Ask for twenty rows of a dimension: each time for others, and again and again for the same."""
    events, seconds = (2_000, 0.5) if options.quick else (100_000, 5.0)
    ours: dict[str, list[dict[str, float]]] = {name: [] for name in _ASKED}
    peer: dict[str, list[dict[str, float]]] = {name: [] for name in _ASKED}
    with _loaded(events) as (root, url):
        for run in range(options.runs):
            with hall.platform(root, ("read",)) as door:
                _ask(door, seconds, ours)
            if options.peer and run < options.peer_runs:
                with hall.service("fastapi_queries", {"ANALYSIS_URL": url, "QUERY_TOKEN": "bench"}) as door:
                    _ask(door, seconds, peer)
    rows = []
    for name in _ASKED:
        mine, theirs = ours[name], peer[name]
        rows.append(Row(name, [m["rate"] for m in mine], [t["rate"] for t in theirs], _PEER, unit="/s"))
        rows += [Row(f"  {what}", [m[what] for m in mine], [t[what] for t in theirs], _PEER) for what in ("p50", "p99")]
    return rows


def _ask(door: hall.Door, seconds: float, found: dict[str, list[dict[str, float]]]) -> None:
    for name, path in _ASKED.items():
        given = {"port": door.port, "token": door.token, "path": path, "connections": _CONNECTIONS}
        found[name].append(children.asker(**given, seconds=seconds, warm=seconds / 5))


@contextmanager
def _loaded(events: int) -> Iterator[tuple[Path, str]]:
    """liberta with so many events, published; and the URL of where that is."""
    folder = Path(mkdtemp(prefix="asterism-bench-"))
    folder.chmod(0o755)  # the server runs as a user of its own where this is root
    generate(folder / "files", events, 0)
    server = embedded(folder / "data")
    try:
        children.asterism("liberta", folder=str(folder / "files"), url=server.url, root=str(folder / "liberta"))
        (folder / "liberta" / "queries" / "users.sql").write_text(_USERS)
        yield folder / "liberta", server.url
    finally:
        server.close()
        rmtree(folder, ignore_errors=True)
