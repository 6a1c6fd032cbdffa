"""Log lines by structlog: for a terminal in words, for everything else an object of JSON a line."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from asterism.ports.logger import Form, Level

_ENCODE = structlog.processors.JSONRenderer(ensure_ascii=False)
_Details = MutableMapping[str, Any]


class StructuredLogger:
    """Implements `Logger`, on stderr or another stream. `bound` are details of every line."""

    def __init__(self, form: Form, stream: TextIO | None = None, **bound: Any) -> None:
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream or sys.stderr),
            processors=_processors(form),
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=False,
        ).bind(**bound)

    def tell(self, level: Level, event: str, text: str, **details: Any) -> None:
        """See `Logger.tell`."""
        getattr(self._log, level)(event, **details, message=text)


def handler(form: Form, **bound: Any) -> logging.Handler:
    """A handler for what libraries and servers log by the standard library, in the same form, on stderr."""

    def renamed(_log: Any, _method: str, details: _Details) -> _Details:
        return {**bound, **details, "event": "log", "message": details["event"]}

    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renamed, *_processors(form)]
    found = logging.StreamHandler()
    found.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=processors, foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level]
        )
    )
    return found


def _processors(form: Form) -> list[Any]:
    trace = structlog.processors.format_exc_info
    if form == "json":
        return [structlog.processors.add_log_level, trace, structlog.processors.TimeStamper("iso", key="at"), _ENCODE]
    return [trace, structlog.processors.TimeStamper("%H:%M:%S", key="at"), _in_words]


def _in_words(_log: Any, _method: str, details: _Details) -> str:
    trace = details.get("exception")
    return f"{details['at']} {details['message']}" + (f"\n{trace}" if trace else "")
