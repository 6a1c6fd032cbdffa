"""Tracers without a technology: nobody listens, or several do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from asterism.ports.tracer import Fact, Span, Tracer


class _Silence:
    """Implements `Span` and `Tracer`."""

    def note(self, **facts: Fact) -> None:
        """See `Span.note`."""

    def span(self, step: str, subject: str, **facts: Fact) -> AbstractContextManager[Span]:  # noqa: ARG002 - of the port
        """See `Tracer.span`."""
        return _UNHEARD

    def close(self) -> None:
        """See `Tracer.close`."""


SILENT = _Silence()
"""Tells nobody."""
_UNHEARD: AbstractContextManager[Span] = nullcontext(SILENT)


class _Spans:
    """Implements `Span`."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans

    def note(self, **facts: Fact) -> None:
        """See `Span.note`."""
        for each in self._spans:
            each.note(**facts)


class Several:
    """Implements `Tracer`: tells each of several."""

    def __init__(self, tracers: Sequence[Tracer]) -> None:
        self._tracers = tracers

    @contextmanager
    def span(self, step: str, subject: str, **facts: Fact) -> Iterator[Span]:
        """See `Tracer.span`."""
        with ExitStack() as stack:
            yield _Spans([stack.enter_context(each.span(step, subject, **facts)) for each in self._tracers])

    def close(self) -> None:
        """See `Tracer.close`."""
        for each in self._tracers:
            each.close()


def together(tracers: Sequence[Tracer]) -> Tracer:
    """One tracer that tells all of these."""
    if not tracers:
        return SILENT
    return tracers[0] if len(tracers) == 1 else Several(tracers)
