"""A folder of objects, its files source, and what a warehouse would make of it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.files.lines import Unreadable
from asterism.adapters.files.source import FilesSource
from asterism.adapters.files.store import Store
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.conform.source import Replica
from asterism.sources import Files


class Folder:
    def __init__(self, path: Path, pattern: str = "**/*", **declared: Any) -> None:
        self.path = path / "objects"
        self.path.mkdir()
        self.lake = ObstoreLake((path / "lake").as_uri())
        self.declared = Files(self.path.as_uri(), pattern, **declared)
        self.aside: dict[tuple[str, int], Unreadable] = {}
        self.replica = Replica()
        self.columns: dict[str, str] = {}

    def put(self, name: str, content: bytes | str, *, at: int | None = None) -> None:
        """Write an object; `at` is when, in seconds before now."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}")
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        if at is not None:
            moment = file.parent.stat().st_mtime - at
            os.utime(partial, (moment, moment))
        partial.rename(file)

    def lines(self, name: str, *records: Any, at: int | None = None) -> None:
        self.put(name, "".join(json.dumps(each) + "\n" for each in records), at=at)

    def source(self, store: Store | None = None) -> FilesSource:
        store = store or Store(self.declared.url, self.declared.pattern, "s", pause=lambda _: None)
        return FilesSource(self.declared, "s", self.lake, DuckDBLines(), DuckDBParquet(), self._set_aside, store=store)

    def pull(self, source: FilesSource | None = None) -> int:
        """Pull until it is complete; answer how many times that was."""
        chosen = source or self.source()
        times = 1
        while not self.step(chosen):
            times += 1
        if source is None:
            chosen.close()
        return times

    def step(self, source: FilesSource) -> bool:
        """Pull once; whether it was complete."""
        return self.replica.pull(_Watched(source, self))

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        """These columns of every row, in the order of the key."""
        table = self.replica.tables.get(self.declared.table, {})
        places = [[*self.columns].index(name) for name in names]
        width = len(self.columns)
        # A row that came before a column did ends before it; `_extra`, the last, stays the last.
        whole = [(*row[:-1], *[None] * (width - len(row)), row[-1]) for _, row in sorted(table.items())]
        return [tuple(row[place] for place in places) for row in whole]

    def reasons(self) -> dict[tuple[str, int], str]:
        return {place: each.reason for place, each in self.aside.items()}

    def _set_aside(self, unreadable: Any) -> None:
        self.aside |= {(each.member, each.line): each for each in unreadable}


class _Watched:
    """The source, for a replica that is to note columns."""

    def __init__(self, source: FilesSource, folder: Folder) -> None:
        self._source, self._folder = source, folder

    @contextmanager
    def pull(self, cursor: Any, *, reconcile: bool = False) -> Any:
        with self._source.pull(cursor, reconcile=reconcile) as answer:
            yield replace(answer, batches=self._noted(answer))

    def _noted(self, answer: Any) -> Any:
        for batch in answer.batches:
            self._folder.columns = {column.name: column.type for column in batch.table.columns}
            yield batch
