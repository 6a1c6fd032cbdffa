"""Telemetry of one `asterism run`: what it says, what it counts, and who is told of its work."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer

from asterism.errors import UsageError
from asterism.instruments import logger, meter, tracers
from asterism.project.load import Project

if TYPE_CHECKING:
    from asterism.ports.logger import Form, Level
    from asterism.ports.meter import Measure

_LEVELS: dict[str, Level] = {"failed": "error", "problems": "error", "incident": "warning"}


def form(wanted: str | None) -> Form:
    """How lines are written: as is wanted, else in words for a terminal and as JSON for everything else.

    Raises UsageError for another word.
    """
    if wanted not in {None, "text", "json"}:
        raise UsageError("--log-format", f"{wanted!r} is no form of a log", "Give text or json.")
    is_text = wanted == "text" or (wanted is None and sys.stderr.isatty())
    return "text" if is_text else "json"


class Telemetry:
    """Used by many threads. `process` is the id of this `run`, and stands in all that it says."""

    def __init__(self, project: Project, log_format: Form, *, as_json: bool = False) -> None:
        """With `as_json`, events go to stdout, a line each, whatever the form of the log."""
        from asterism.run.trace import together

        self.process = uuid4().hex
        self.form = log_format
        stage = project.stage.name
        self._as_json = as_json
        self._saying = threading.Lock()
        self._logger = logger(log_format, platform=project.name, stage=stage, process=self.process)
        self._meter = meter("asterism")
        self.tracer = together([self._meter, *tracers(project.name, stage)])

    def say(self, event: str, text: str, **details: Any) -> None:
        """Tell whoever started this, in words or as an event a line."""
        with self._saying:
            if self._as_json:
                at = datetime.now(UTC).replace(tzinfo=None).isoformat()
                line = {"event": event, "at": at, "process": self.process, **details}
                typer.echo(json.dumps(line, ensure_ascii=False))
            else:
                self._logger.tell(_LEVELS.get(event, "info"), event, text, **details)

    def metrics(self, measures: Iterable[Measure]) -> str:
        """Everything that is counted, in Prometheus' text format."""
        return self._meter.text(measures).decode()

    def close(self) -> None:
        """Deliver what has been told."""
        self.tracer.close()
