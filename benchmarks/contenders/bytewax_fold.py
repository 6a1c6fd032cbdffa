"""The same fold in bytewax, in memory: nothing is kept. One worker, on the thread that starts it."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main

from benchmarks.accesses import bodies


class _Away(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        pass


class _Nowhere(DynamicSink[Any]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Away:  # noqa: ARG002 - its own port
        return _Away()


def _folded(state: tuple[int, int] | None, event: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    inside, through = state or (0, 0)
    after = inside + event["event"], max(through, event["n"])
    return after, after


def main(events: int, scratch: str) -> dict[str, object]:  # noqa: ARG001 - every contender is given a place
    flow = Dataflow("fold")
    taken = op.input("in", flow, TestingSource(bodies(events), batch_size=5_000))
    keyed = op.key_on("key", op.map("decode", taken, orjson.loads), lambda event: event["service"])
    op.output("out", op.stateful_map("fold", keyed, _folded), _Nowhere())
    started = perf_counter()
    run_main(flow)
    return {"events": events / (perf_counter() - started)}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
