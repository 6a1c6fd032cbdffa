"""Lineage events by HTTP, to where OPENLINEAGE_URL says: https://openlineage.io/spec/2-0-2/OpenLineage.json.

OPENLINEAGE_API_KEY and OPENLINEAGE_ENDPOINT hold as openlineage-python reads them.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
from openlineage.client.generated.parent_run import Job as ParentJob
from openlineage.client.generated.parent_run import ParentRunFacet
from openlineage.client.generated.parent_run import Run as ParentRun

from asterism.ports.tracer import Fact, Span

_PRODUCER = "https://pypi.org/project/asterism"
_MOST = 1000
"""Events that wait; what comes beyond them is dropped, and told."""
_FAREWELL = 5.0
_RUNS = ("pull", "write", "models", "publish")
"""Steps that are runs of their own."""
_TABLES = ("land", "refresh")
"""Steps whose subject is a table that they write."""
_log = logging.getLogger(__name__)


@dataclass
class _Work:
    """Implements `Span`. A run, or a table that was written within it."""

    step: str
    subject: str
    facts: dict[str, Fact]
    id: str = field(default_factory=lambda: str(uuid4()))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    error: str = ""
    tables: list[_Work] = field(default_factory=list)

    def note(self, **facts: Fact) -> None:
        """See `Span.note`."""
        self.facts |= facts

    @property
    def job(self) -> str:
        """Its name within the namespace of the platform's stage."""
        return f"{self.step}.{self.subject}"


class OpenLineageTracer:
    """Implements `Tracer`. A run is told of when it is over, by events that carry the times at which things were.

    One that touched no table, as most polls do, is not told. What was written in a run that failed did not come to be:
    it is told as failed.
    """

    def __init__(self, namespace: str, client: OpenLineageClient | None = None) -> None:
        """`namespace` is that of jobs and tables. Connects to nothing."""
        self._namespace = namespace
        self._client = client or OpenLineageClient()
        self._run: ContextVar[_Work | None] = ContextVar("run", default=None)
        self._waiting: queue.Queue[RunEvent | None] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._deliver, name="lineage", daemon=True)
        self._thread.start()

    @contextmanager
    def span(self, step: str, subject: str, **facts: Fact) -> Iterator[Span]:
        """See `Tracer.span`."""
        run, work = self._run.get(), _Work(step, subject, facts)
        if run is None and step not in _RUNS:
            yield work
            return
        token = self._run.set(work) if run is None else None
        try:
            yield work
        except BaseException as error:
            work.error = str(error)
            raise
        finally:
            work.ended = datetime.now(UTC)
            if run is not None and step in _TABLES and work.facts.get("how") != "untouched":
                run.tables.append(work)
            if token is not None:
                self._run.reset(token)
                self._tell(work)

    def close(self) -> None:
        """See `Tracer.close`."""
        until = time.monotonic() + _FAREWELL
        if self._thread.is_alive():
            self._put(None)
            self._thread.join(max(0.0, until - time.monotonic()))

    def _tell(self, run: _Work) -> None:
        if not (run.tables or run.error):
            return
        parent = ParentRunFacet(ParentRun(run.id), ParentJob(self._namespace, run.job))
        self._events(run, None, [], [])
        for work in run.tables:
            work.error = work.error or run.error
            names = filter(None, str(work.facts.get("inputs", "")).split(","))
            inputs = [InputDataset(self._namespace, name) for name in names]
            rows = int(work.facts.get("added", work.facts.get("rows", 0)))
            output = OutputDataset(
                self._namespace,
                work.subject,
                outputFacets={"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=rows)},
            )
            self._events(work, parent, inputs, [output])

    def _events(
        self, work: _Work, parent: ParentRunFacet | None, inputs: list[InputDataset], outputs: list[OutputDataset]
    ) -> None:
        facets = {"parent": parent} if parent is not None else {}
        failed = {"errorMessage": ErrorMessageRunFacet(work.error, "Python")} if work.error else {}
        end = RunState.FAIL if work.error else RunState.COMPLETE
        for state, at, more in ((RunState.START, work.began, {}), (end, work.ended or work.began, failed)):
            run, job = Run(work.id, facets={**facets, **more}), Job(self._namespace, work.job)
            event = RunEvent(
                eventType=state,
                eventTime=at.isoformat(),
                producer=_PRODUCER,
                run=run,
                job=job,
                inputs=inputs,
                outputs=outputs,
            )
            self._put(event)

    def _put(self, event: RunEvent | None) -> None:
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            _log.warning("lineage: too many events wait to be delivered, and some are dropped")

    def _deliver(self) -> None:
        told = ""
        while (event := self._waiting.get()) is not None:
            try:
                self._client.emit(event)
                told = ""
            except Exception as error:  # noqa: BLE001 - whatever the other side does, the platform goes on
                if str(error) != told:
                    told = str(error)
                    _log.warning("lineage: an event could not be delivered: %s", error)
