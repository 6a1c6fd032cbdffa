"""Services: what the answering of requests needs beside the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from asterism.http.access import Access
from asterism.http.changes import Changes
from asterism.http.control import Control
from asterism.ports.events import Events
from asterism.ports.log import Log
from asterism.ports.meter import Meter
from asterism.ports.state import State
from asterism.project.load import Project


@dataclass(frozen=True, slots=True)
class Services:
    """Used by one event loop."""

    project: Project
    access: Access
    states: State
    changes: Changes
    control: Control
    meter: Meter
    probe: Callable[[], None]
    """Writes to the log a note that means nothing. Raises LogError."""
    log: Log
    events: Events | None = None
    """None: this stage stores none."""

    async def ready(self) -> str:
        """Why requests cannot be served, empty where they can."""
        try:
            await asyncio.to_thread(self.probe)
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            return "The log cannot be written."
        if not await self.control.is_served():
            return "No `asterism run` works on this stage."
        return ""
