"""The Export API: a day's events as zips, in as few requests as the service answers.

Source: Amplitude, "Export API".
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from asterism.declare.source import Amplitude
from asterism.errors import SourceError

_TIMEOUT = httpx.Timeout(30.0, read=300.0)
"""Seconds; an export is made before its first byte comes."""
_TRIES = 5
_PATIENCE = 30.0
"""Seconds that are waited here for a service that is busy. Longer, the schedule waits, and others go on meanwhile."""
_CHUNK = 1 << 18
_SAID = 300
"""Characters of an answer that an error repeats."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a day (UTC), both inclusive."""

    day: date
    first: int = 0
    last: int = 23

    @property
    def name(self) -> str:
        """`2026-01-31` for a whole day, `2026-01-31T00-11` for a part."""
        return f"{self.day}" if (self.first, self.last) == (0, 23) else f"{self.day}T{self.first:02}-{self.last:02}"

    def halves(self) -> tuple[Hours, Hours]:
        """The earlier and the later half."""
        middle = (self.first + self.last) // 2
        return Hours(self.day, self.first, middle), Hours(self.day, middle + 1, self.last)


class Export:
    """Asks for exports. `name` is what errors speak of; `pause` waits for so many seconds."""

    def __init__(self, declared: Amplitude, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._url = declared.url
        self._name = name
        self._pause = pause
        self._client = httpx.Client(auth=(declared.key, declared.secret), timeout=_TIMEOUT)

    def download(self, hours: Hours, folder: Path) -> Iterator[tuple[Hours, Path]]:
        """The zips of these hours, in order; none where there were no events. A file is there once it is whole.

        A range that is too large for the service is asked for in halves. Raises SourceError.
        """
        file = folder / f"{hours.name}.zip"
        status, said = self._patiently(hours, file)
        if status == httpx.codes.OK:
            yield hours, file
        elif status in {httpx.codes.BAD_REQUEST, httpx.codes.GATEWAY_TIMEOUT} and hours.first < hours.last:
            for half in hours.halves():
                yield from self.download(half, folder)
        elif status != httpx.codes.NOT_FOUND:
            raise self._refused(hours, status, said)

    def close(self) -> None:
        """Let go of connections. Repeating it does nothing."""
        self._client.close()

    def _patiently(self, hours: Hours, file: Path) -> tuple[int, str]:
        """Ask, and again after a while where the service is busy."""
        left = _PATIENCE
        for attempt in range(_TRIES):
            status, said, wait = self._ask(hours, file)
            if status not in {429, 500, 502, 503}:
                break
            seconds = 2.0**attempt * (0.5 + 0.5 * random.random()) if wait is None else wait  # noqa: S311 - no secret
            left -= seconds
            if left < 0 or attempt == _TRIES - 1:
                break
            self._pause(seconds)
        return status, said

    def _ask(self, hours: Hours, file: Path) -> tuple[int, str, float | None]:
        """One request: its status, what was said beside a zip, and how long to wait if the answer says so."""
        day = f"{hours.day:%Y%m%d}"
        parameters = {"start": f"{day}T{hours.first:02}", "end": f"{day}T{hours.last:02}"}
        try:
            with self._client.stream("GET", self._url, params=parameters) as answer:
                if answer.status_code == httpx.codes.OK:
                    self._keep(answer, file, hours)
                    return answer.status_code, "", None
                said = next(answer.iter_text(_SAID), "") if answer.status_code != httpx.codes.NOT_FOUND else ""
                return answer.status_code, said, _wait(answer.headers.get("retry-after", ""))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fact = f"the export of {hours.name} broke off: {error or type(error).__name__}"
            raise SourceError(self._name, fact, "It is asked for again.", transient=True) from error
        except OSError as error:
            fact = f"the export of {hours.name} cannot be written: {error.strerror}"
            raise SourceError(self._name, fact, "Free some space for temporary files.", transient=True) from error

    def _keep(self, answer: httpx.Response, file: Path, hours: Hours) -> None:
        """Write an answer to a file as it comes. Raises SourceError where it is no zip."""
        head = b""
        with file.open("wb") as copy:
            for chunk in answer.iter_raw(_CHUNK):
                head = head or chunk[:4]
                if not head.startswith(b"PK"):
                    break
                copy.write(chunk)
        if not head.startswith(b"PK"):
            kind = answer.headers.get("content-type", "nothing")
            fact = f"the export of {hours.name} is no zip but {kind}, beginning with {head!r}"
            raise SourceError(self._name, fact, "Look whether the declared URL is the Export API's.", transient=True)

    def _refused(self, hours: Hours, status: int, said: str) -> SourceError:
        fact = f"the export of {hours.name} was answered with {status}" + (
            f": {' '.join(said.split())}" if said else ""
        )
        if status in {401, 403}:
            return SourceError(
                self._name, fact, "Check the declared key and secret, and which region's URL they are for."
            )
        passing = status in {429, 504} or status >= 500  # noqa: PLR2004 - the class of a server's own errors
        remedy = "It is asked for again later." if passing else "Look whether the declared URL is the Export API's."
        return SourceError(self._name, fact[: 2 * _SAID], remedy, transient=passing)


def _wait(said: str) -> float | None:
    """The seconds of a Retry-After: a number of them, or a date."""
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
