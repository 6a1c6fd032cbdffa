"""The herald: tells each address of the stage what it has not been told yet."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from asterism.errors import AsterismError
from asterism.project.load import Project

if TYPE_CHECKING:
    from asterism.ports.alerts import Alerts
    from asterism.run.incidents import Incident, Incidents

_FIRST_DELAY, _LONGEST_DELAY = 5.0, 300.0
Tell = Callable[[str, AsterismError], None]


class Herald:
    """Used by one thread. What one address does not take is told it again later, and holds up no other."""

    def __init__(self, open_alerts: Callable[[str], Alerts], failed: Tell) -> None:
        self._open = open_alerts
        self._failed = failed
        self._waits: dict[str, tuple[float, float]] = {}
        """For addresses that do not take what they are told: when the next try is, and the delay after it."""

    def tell(self, project: Project, incidents: Incidents) -> list[Incident]:
        """Tell who is to be told; answer the incidents that somebody was told of, to be noted.

        One message an address and a look. Delivery: at least once, and once unless the process dies before it is noted.
        """
        noted = []
        for address in project.stage.alerts:
            who = digest(address)
            due = incidents.to_tell(who)
            if not due or time.monotonic() < self._waits.get(who, (0.0, 0.0))[0]:
                continue
            for part in ([each for each in due if each.over_at is None], [each for each in due if each.over_at]):
                if part and self._delivered(project, address, part):
                    noted += incidents.tell(part, who)
        incidents.settle()
        return noted

    def _delivered(self, project: Project, address: str, incidents: Sequence[Incident]) -> bool:
        from asterism.run.notice import text, title

        who, stage = digest(address), project.stage.name
        _, delay = self._waits.get(who, (0.0, _FIRST_DELAY))
        try:
            alerts = self._open(address)
            is_bad = incidents[0].over_at is None
            alerts.tell(
                title(f"{project.name}/{stage}", incidents), text(project.name, stage, incidents), is_bad=is_bad
            )
        except AsterismError as error:
            if who not in self._waits:
                self._failed("alerts", error)
            self._waits[who] = (time.monotonic() + delay, min(delay * 2, _LONGEST_DELAY))
            return False
        self._waits.pop(who, None)
        return True


def digest(address: str) -> str:
    """What an address is remembered by: it holds passwords."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]
