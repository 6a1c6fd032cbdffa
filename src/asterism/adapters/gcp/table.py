"""A table of Bigtable: rows read in order, single rows changed on a condition, many rows with every status read.

The protocol: https://cloud.google.com/bigtable/docs/reference/data/rpc/google.bigtable.v2
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from google.auth.exceptions import GoogleAuthError

from asterism.adapters.gcp.access import channel, messages, status, stream, told, unary
from asterism.errors import StateError

proto = messages("google.cloud.bigtable_v2")
EMULATOR = "BIGTABLE_EMULATOR_HOST"
MOST_ENTRIES = 5_000
"""Rows changed in one request; the service takes 100,000 mutations."""
_MOST_BYTES = 8_000_000
_TIMEOUT = 60.0
_DATA = "/google.bigtable.v2.Bigtable/"
_ADMIN = "/google.bigtable.admin.v2.BigtableTableAdmin/"
_AGAIN = 5
_ASKED_AT_ONCE = 128

Mutation = proto.Mutation.pb()
Filter = proto.RowFilter.pb()
_Range = proto.RowRange.pb()
_Entry = proto.MutateRowsRequest.Entry.pb()


class Cell(NamedTuple):
    """A value of a row."""

    family: str
    column: bytes
    timestamp: int
    """Microseconds, whole milliseconds."""
    value: bytes


class Row(NamedTuple):
    """A row as a filter shows it: newest cells first within a column."""

    key: bytes
    cells: list[Cell]


class Table:
    """One table. Safe to use from several threads. Everything raises StateError."""

    def __init__(self, project: str, instance: str, table: str, families: Mapping[str, int]) -> None:
        """`families`: their names, and how many versions each keeps. A missing table is made, where that is allowed."""
        self.name = f"projects/{project}/instances/{instance}/tables/{table}"
        self._parent, self._id = f"projects/{project}/instances/{instance}", table
        self._families = families
        with self._speaking():
            self._channel = channel("bigtable.googleapis.com", EMULATOR)
        self._metadata = (("x-goog-request-params", f"table_name={self.name}"),)
        self._read = stream(self._channel, f"{_DATA}ReadRows", proto.ReadRowsResponse.pb())
        self._check = unary(self._channel, f"{_DATA}CheckAndMutateRow", proto.CheckAndMutateRowResponse.pb())
        self._mutate = stream(self._channel, f"{_DATA}MutateRows", proto.MutateRowsResponse.pb())

    def row(self, key: bytes, chosen: Any) -> Row | None:
        """One row as it stands, in one moment."""
        return next(iter(self.rows(keys=[key], chosen=chosen)), None)

    def rows(
        self, *, keys: Sequence[bytes] = (), prefix: bytes = b"", first: bytes = b"", after: bytes = b"",
        until: bytes = b"", chosen: Any, limit: int = 0,
    ) -> list[Row]:  # fmt: skip
        """Rows by key, or those under `prefix`, in order, as the filter `chosen` shows them.

        From `first` on, beyond `after` and before `until`, where those are given.
        """
        request = proto.ReadRowsRequest.pb()(table_name=self.name, filter=chosen, rows_limit=limit)
        if keys:
            request.rows.row_keys.extend(keys)
        else:
            span = request.rows.row_ranges.add(end_key_open=until or _beyond(prefix))
            begin = max(prefix, first)
            if after >= begin:
                span.start_key_open = after
            else:
                span.start_key_closed = begin
            if until and until <= max(begin, after):
                return []
        with self._speaking():
            return [*self._merged(request)]

    def swap(self, key: bytes, condition: Any, when: Sequence[Any], otherwise: Sequence[Any] = ()) -> bool:
        """Change one row by `when` if the filter `condition` shows any cell of it, else by `otherwise`; whether it did.

        Not repeated: after an error nobody knows which.
        """
        request = proto.CheckAndMutateRowRequest.pb()(
            table_name=self.name,
            row_key=key,
            predicate_filter=condition,
            true_mutations=when,
            false_mutations=otherwise,
        )
        with self._speaking():
            return bool(self._prepared(self._check, request).predicate_matched)

    def swaps(self, entries: Iterable[tuple[bytes, Any, Sequence[Any]]]) -> list[bool]:
        """As `swap`, of many rows, each by itself, in no order; whether each was changed. Times must be given."""
        requests = [
            proto.CheckAndMutateRowRequest.pb()(
                table_name=self.name, row_key=key, predicate_filter=condition, true_mutations=when
            )
            for key, condition, when in entries
        ]
        with self._speaking():
            return self._prepared(self._swapped, requests)  # type: ignore[no-any-return]

    def mutate(self, entries: Iterable[tuple[bytes, Sequence[Any]]]) -> None:
        """Change rows, each as a whole, in requests of bounded size. Repeated where it failed: times must be given."""
        waiting: list[Any] = []
        size = 0
        for key, mutations in entries:
            entry = _Entry(row_key=key, mutations=mutations)
            size += entry.ByteSize()
            waiting.append(entry)
            if len(waiting) >= MOST_ENTRIES or size >= _MOST_BYTES:
                self._mutate_all(waiting)
                waiting, size = [], 0
        self._mutate_all(waiting)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _swapped(self, requests: Sequence[Any], **sent: Any) -> list[bool]:
        """Some at once: one after the other, each would wait for the one before."""
        waiting: deque[Any] = deque()
        done: list[bool] = []
        for request in requests:
            waiting.append(self._check.future(request, **sent))  # type: ignore[attr-defined]
            if len(waiting) >= _ASKED_AT_ONCE:
                done.append(bool(waiting.popleft().result().predicate_matched))
        return [*done, *(bool(each.result().predicate_matched) for each in waiting)]

    def _mutate_all(self, entries: list[Any]) -> None:
        for again in reversed(range(_AGAIN)):
            if not entries:
                return
            request = proto.MutateRowsRequest.pb()(table_name=self.name, entries=entries)
            failed: dict[int, Any] = dict.fromkeys(range(len(entries)))
            with self._speaking():
                for answer in self._prepared(self._mutate, request, whole=True):
                    for each in answer.entries:
                        failed.pop(each.index)
                        if each.status.code:
                            failed[each.index] = each.status
            entries = [entries[place] for place in failed]
            if failed and not again:
                known = next((each.message for each in failed.values() if each is not None), "no status was told")
                raise StateError(self.name, f"{len(failed)} rows were not written: {known}", "Try again.")

    def _merged(self, request: Any) -> Iterator[Row]:
        """Rows out of chunks: a cell may come in several, and says its family and column where they change."""
        key, family, column, timestamp = b"", "", b"", 0
        pieces: list[bytes] = []
        cells: list[Cell] = []
        for answer in self._prepared(self._read, request, whole=True):
            for chunk in answer.chunks:
                if chunk.row_key:
                    key = chunk.row_key
                if chunk.HasField("family_name"):
                    family = chunk.family_name.value
                if chunk.HasField("qualifier"):
                    column = chunk.qualifier.value
                if chunk.reset_row:
                    cells, pieces = [], []
                    continue
                if not pieces:
                    timestamp = chunk.timestamp_micros
                pieces.append(chunk.value)
                if chunk.value_size:  # more of this cell comes
                    continue
                cells.append(Cell(family, column, timestamp, b"".join(pieces)))
                pieces = []
                if chunk.commit_row:
                    yield Row(key, cells)
                    cells = []

    def _prepared(self, method: Any, request: Any, *, whole: bool = False) -> Any:
        """The answer, and where the table is missing, after making it; `whole`: of a stream, all of it."""

        def ask() -> Any:
            answer = method(request, timeout=_TIMEOUT, metadata=self._metadata)
            return [*answer] if whole else answer

        try:
            return ask()
        except grpc.RpcError as error:
            if status(error) is not grpc.StatusCode.NOT_FOUND:
                raise
        self._make()
        return ask()

    def _make(self) -> None:
        admin = messages("google.cloud.bigtable_admin_v2")
        rules = {name: {"gc_rule": {"max_num_versions": kept}} for name, kept in self._families.items()}
        request = admin.CreateTableRequest.pb()(
            parent=self._parent, table_id=self._id, table={"column_families": rules}
        )
        opened = channel("bigtableadmin.googleapis.com", EMULATOR)
        try:
            create = unary(opened, f"{_ADMIN}CreateTable", admin.Table.pb())
            create(request, timeout=_TIMEOUT, metadata=(("x-goog-request-params", f"parent={self._parent}"),))
        except grpc.RpcError as error:
            if status(error) is not grpc.StatusCode.ALREADY_EXISTS:  # another process was faster
                raise
        finally:
            opened.close()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, GoogleAuthError, ValueError) as error:
            raise StateError(self.name, *told(error)) from error


def put(family: str, column: bytes, value: bytes, timestamp: int) -> Any:
    """A mutation that sets a cell at a time of ours: repeated, it changes nothing."""
    return Mutation(
        set_cell={"family_name": family, "column_qualifier": column, "timestamp_micros": timestamp, "value": value}
    )


def clear(family: str, column: bytes, start: int = 0, end: int = 0) -> Any:
    """A mutation that removes a column's cells from time `start` until before `end`; 0: all."""
    span = {"start_timestamp_micros": start, "end_timestamp_micros": end}
    return Mutation(delete_from_column={"family_name": family, "column_qualifier": column, "time_range": span})


def erase() -> Any:
    """A mutation that removes a row."""
    return Mutation(delete_from_row={})


def every(*filters: Any) -> Any:
    """A filter of filters, each over what the one before shows."""
    return Filter(chain={"filters": filters}) if len(filters) > 1 else filters[0]


def either(*filters: Any) -> Any:
    """What any of the filters shows."""
    return Filter(interleave={"filters": filters})


def families(*names: str) -> Any:
    """The cells of those families."""
    return Filter(family_name_regex_filter="|".join(names))


def column(family: str, name: bytes) -> Any:
    """The cells of one column."""
    return Filter(
        column_range_filter={
            "family_name": family, "start_qualifier_closed": name, "end_qualifier_closed": name,
        }
    )  # fmt: skip


def latest(count: int = 1) -> Any:
    """The newest cells of each column."""
    return Filter(cells_per_column_limit_filter=count)


def equal(value: bytes) -> Any:
    """Cells of exactly this value."""
    return Filter(value_range_filter={"start_value_closed": value, "end_value_closed": value})


def between(start: int, end: int) -> Any:
    """Cells from time `start` until before `end`; 0: without a bound."""
    return Filter(timestamp_range_filter={"start_timestamp_micros": start, "end_timestamp_micros": end})


def keys_only() -> Any:
    """Rows with one cell, whose value is not sent."""
    return every(Filter(cells_per_row_limit_filter=1), Filter(strip_value_transformer=True))


def encoded(*texts: str) -> bytes:
    """Texts as the beginning of a row key, in whose order rows are sorted as the texts are."""
    return b"".join(text.encode().replace(b"\0", b"\0\xff") + b"\0\0" for text in texts)


def decoded(key: bytes) -> list[str]:
    """What `encoded` was given."""
    texts: list[str] = []
    rest = key
    while rest:
        at = 0
        while (at := rest.index(b"\0", at)) is not None and rest[at : at + 2] == b"\0\xff":
            at += 2
        texts.append(rest[:at].replace(b"\0\xff", b"\0").decode())
        rest = rest[at + 2 :]
    return texts


def _beyond(prefix: bytes) -> bytes:
    """The first key that is beyond all that begin so; empty: there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b""
