"""A process that is there to be killed: it appends to a log, and tells what was acknowledged, an id a line.

python log_victim.py LOG NAME
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path
from threading import Thread

from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.stream import Stream
from asterism.ports.log import Entry
from asterism.run.collect import Collector

STREAM = Stream("s")
BATCH = 40
BODY = b"x" * 300


def tell(*names: str) -> None:
    os.write(1, "".join(f"{name}\n" for name in names).encode())


def main(path: Path, name: str) -> None:
    log = SqliteLog(path)
    collector = Collector(log)

    def singles(thread: int) -> None:
        for number in count():
            entry = Entry(f"{name}-{thread}-{number}", f"{name}-{thread}", BODY)
            assert collector.append(STREAM, [entry]) == [True]
            tell(entry.id)

    def batches() -> None:
        for number in count():
            ids = [f"{name}-batch-{number}-{place}" for place in range(BATCH)]
            log.append(STREAM.name, [Entry(each, f"{name}-batch", BODY) for each in ids], STREAM.dedupe)
            tell(*ids)

    for target in (lambda: singles(0), lambda: singles(1), lambda: singles(2), batches):
        Thread(target=target).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
