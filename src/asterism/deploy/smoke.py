"""Smoke: samples are posted to what was deployed, and read back. By HTTP alone, as its users do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random
from typing import Any

import httpx
import msgspec

from asterism.errors import DeployError, UsageError
from asterism.project.load import Project

SAMPLES = 3
_ACCEPTED, _FOUND = 202, 200
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried, and that went well."""

    what: str
    found: str
    seconds: float


def samples(project: Project, seed: int) -> dict[str, list[bytes]]:
    """Records by stream, from the platform's simulators. Raises UsageError in production, which takes none."""
    if project.stage.production:
        raise UsageError(f"stage {project.stage.name}", "is production and takes no samples", "Add --read-only.")
    found: dict[str, list[bytes]] = {}
    for each in project.event_simulators:
        records = islice(each.live(Random(seed)), SAMPLES)  # noqa: S311 - made-up traffic
        found[each.stream.name] = [msgspec.json.encode(timed.record) for timed in records]
    return found


class Smoke:
    """One try of a deployment at `url`. `deadline` is seconds, for each step."""

    def __init__(self, url: str, token: str, *, deadline: float, clock: Callable[[], float] = time.monotonic) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        self._deadline = deadline
        self._clock = clock

    def run(self, project: Project, posted: Mapping[str, Sequence[bytes]]) -> Iterator[Step]:
        """Health, then each stream's samples from the door to the table, then views and queries. Raises DeployError."""
        with self._client:
            yield self._step("health", partial(self._get, "/health"))
            for stream, records in posted.items():
                ids: list[str] = []
                yield self._step(f"post to {stream}", partial(self._post, stream, records, ids))
                declared = next(each for each in project.platform.streams if each.name == stream)
                if not declared.lake_only:  # of that the lake alone can tell
                    yield self._step(f"read from {declared.table}", partial(self._rows, declared.table, ids))
            for view in project.platform.views:
                if view.stream.name in posted:
                    path = f"/views/{view.name}?limit=1"
                    yield self._step(f"view {view.name}", partial(self._states, path))
            for query in project.queries.values():
                if all(parameter.default is not None for parameter in query.parameters):
                    path = f"/queries/{query.name}?limit=1"
                    yield self._step(f"query {query.name}", partial(self._get, path))

    def _step(self, what: str, attempt: Callable[[], str | None]) -> Step:
        started = self._clock()
        while True:
            said = ""
            try:
                found = attempt()
            except httpx.HTTPError as error:
                found, said = None, str(error) or type(error).__name__
            passed = self._clock() - started
            if found is not None:
                return Step(what, found, round(passed, 3))
            if passed > self._deadline:
                fact = f"is not there after {self._deadline:g} s{': ' + said if said else ''}"
                raise DeployError(f"smoke: {what}", fact, "Look at the functions' logs and dead letters.")
            time.sleep(_PAUSE)

    def _get(self, path: str) -> str | None:
        answer = self._client.get(path)
        if answer.status_code == _FOUND:
            return "answers"
        if answer.status_code < 500:  # noqa: PLR2004 - what asking again does not mend
            remedy = _REMEDY if answer.status_code in _CLOSED else _UNMADE
            raise DeployError(f"smoke: {path}", f"answers {answer.status_code}: {answer.text[:200]}", remedy)
        return None

    def _post(self, stream: str, records: Sequence[bytes], ids: list[str]) -> str | None:
        body = b"\n".join(records)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._client.post(f"/streams/{stream}", content=body, headers=headers)
        if answer.status_code >= 500:  # noqa: PLR2004 - as above
            return None
        if answer.status_code != _ACCEPTED:
            raise DeployError(f"smoke: post to {stream}", f"{answer.status_code}: {answer.text[:200]}", _REMEDY)
        ids[:] = answer.json()["ids"]
        return f"{len(ids)} accepted"

    def _rows(self, table: str, ids: Sequence[str]) -> str | None:
        listed = ", ".join("'" + each.replace("'", "''") + "'" for each in ids)
        sql = f"select count(distinct _id) as rows from {table} where _id in ({listed})"  # noqa: S608 - ids of ours
        answer = self._client.post("/sql", json={"sql": sql})
        if answer.status_code != _FOUND:
            return None
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return f"{len(ids)} rows" if int(rows[0]["rows"]) == len(set(ids)) else None

    def _states(self, path: str) -> str | None:
        answer = self._client.get(path)
        return "has states" if answer.status_code == _FOUND and answer.json()["items"] else None


_CLOSED = (401, 403)
_UNMADE = "A model is made when what it reads has come once: wait for the first pull, or look at the functions' logs."
_REMEDY = "Give a token with the scopes that it needs: --token, or ASTERISM_TOKEN in the environment."
