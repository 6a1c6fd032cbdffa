"""Ask: questions from outside, many at once, beside the warehouse's writer and never in its way.

Each question has a reader of its own from a small pool, a limit of rows and of time, and ends when nobody waits for it.
An answer belongs to a version of the data: whoever has it already is told so, and the question is not run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any
from uuid import uuid4

import msgspec

from asterism.declare.model import Query
from asterism.declare.table import Column
from asterism.errors import EngineError, UsageError
from asterism.ports.reader import Reader
from asterism.ports.sheets import Form, Sheets
from asterism.project.load import Project
from asterism.project.nearest import suggestion
from asterism.run.answer import SqlError, Statement, UnfitError, columns_of, order_of, statement
from asterism.run.page import Mark, Term, mark_after, page_of
from asterism.run.render import distinct, frame, rows_as
from asterism.run.streams import with_own
from asterism.run.values import as_json
from asterism.run.version import Versions
from asterism.run.watch import Reason, Watch
from asterism.run.wish import Refusal, Reply, Wish

READERS = 4
"""Questions that run at once."""
INLINE = 1_000_000
"""Bytes of an answer that goes without a file."""
_ROWWISE = 10_000
"""Rows of a page that is made of Python values; a larger one is made of columns."""
_SHAPES = 256


class Book:
    """What a project says of questions."""

    def __init__(self, project: Project) -> None:
        self.queries: Mapping[str, Query] = project.queries
        streams = with_own(project.platform.streams)
        self.landed = frozenset(each.table for each in streams if each.lake_only)
        self.tables = frozenset((*project.models, *(each.table for each in streams))) - self.landed
        self.row_limit = project.stage.row_limit
        self.timeout = float(project.stage.query_timeout)


class Asking:
    """Answers questions; used by many threads.

    `open_reader` is called by one thread at a time. Files go into `folder`, which is emptied first. `book` is replaced
    when the project was edited.
    """

    def __init__(self, open_reader: Callable[[], Reader], sheets: Sheets, folder: Path, book: Book) -> None:
        self.book = book
        self._open = open_reader
        self._sheets = sheets
        self._folder = folder
        self._watch = Watch()
        self._opening = threading.Lock()
        self._idle: LifoQueue[Reader | None] = LifoQueue()
        for _ in range(READERS):
            self._idle.put(None)
        self._shapes: OrderedDict[tuple[str, str], tuple[Column, ...]] = OrderedDict()
        self._versions = Versions()
        shutil.rmtree(folder, ignore_errors=True)

    def changed(self) -> None:
        """Say that data may have changed without a refresh."""
        self._versions.turn()

    def ask(self, wish: Wish, gone: Callable[[], bool]) -> tuple[Reply | Refusal, bytes]:
        """Answer, with the body where that is small. `gone` says whether nobody waits any more."""
        try:
            return self._asked(wish, gone)
        except UnfitError as error:
            remedy = error.remedy if "--param" not in error.remedy else ""
            refusal = Refusal(kind="unfit", detail=_said(error.fact, remedy), parameter=error.parameter)
        except UsageError as error:
            place = (error.line, error.column) if isinstance(error, SqlError) else (0, 0)
            refusal = Refusal(kind="sql", detail=_said(error.fact, error.remedy), line=place[0], column=place[1])
        except EngineError as error:
            refusal = Refusal(
                kind="away" if error.unavailable or error.interrupted else "engine", detail=_said(error.fact, "")
            )
        except RefusedError as refused:
            refusal = refused.refusal
        return refusal, b""

    def _asked(self, wish: Wish, gone: Callable[[], bool]) -> tuple[Reply, bytes]:
        question, limit, seconds = self._understood(wish)
        reader = self._take(seconds)
        try:
            with self._watch.over(reader, seconds, gone) as watched:
                try:
                    return self._answered(reader, wish, question, limit)
                except EngineError:
                    if watched.reason:
                        raise _stopped(watched.reason, seconds) from None
                    raise
        finally:
            self._idle.put(reader)

    def table(self, question: str, values: Mapping[str, str], gone: Callable[[], bool]) -> dict[str, Any]:
        """See `table`, on a reader of the pool; stopped when nobody waits any more."""
        reader = self._take(self.book.timeout)
        try:
            with self._watch.over(reader, float("inf"), gone):
                return table(reader, self.book, question, values)
        finally:
            self._idle.put(reader)

    def _understood(self, wish: Wish) -> tuple[Query | str, int, float]:
        book = self.book
        if wish.name and wish.name not in book.queries:
            detail = f"There is no query {wish.name[:100]!r}. {suggestion(wish.name, book.queries)}".strip()
            raise RefusedError(Refusal(kind="unknown", detail=detail))
        limit = min(book.row_limit, _ROWWISE) if wish.limit is None else wish.limit
        seconds = book.timeout if wish.timeout is None else wish.timeout
        if not 0 < limit <= book.row_limit:
            raise UnfitError("limit", f"limit must be between 1 and {book.row_limit}", "", "limit")
        if not 0 < seconds <= book.timeout:
            raise UnfitError("timeout", f"timeout must be above 0 and at most {book.timeout:g} seconds", "", "timeout")
        return book.queries[wish.name] if wish.name else wish.sql, limit, seconds

    def _take(self, seconds: float) -> Reader:
        try:
            reader = self._idle.get(timeout=seconds)
        except Empty:
            detail = f"Other questions have taken all of {seconds:g} seconds."
            raise RefusedError(Refusal(kind="busy", detail=detail)) from None
        try:
            return reader if reader is not None and reader.is_open else self._opened()
        except BaseException:
            self._idle.put(None)
            raise

    def _opened(self) -> Reader:
        with self._opening:
            return self._open()

    def _answered(self, reader: Reader, wish: Wish, question: Query | str, limit: int) -> tuple[Reply, bytes]:
        version = self._versions.of(reader)
        tables = self.book.tables
        bare = statement(question, wish.values, tables, reader.dialect, landed=self.book.landed)
        tag = "" if bare.passing else _tag(version, bare, wish, limit)
        if tag and tag == wish.known:
            return Reply(tag=tag, version=version, same=True), b""
        columns = self._shape(reader, bare, version)
        terms, ordered = order_of(question, columns)
        ordered = ordered and bool(wish.name)
        mark = _mark(wish.after) if wish.after else None
        rowwise = limit <= _ROWWISE and wish.form in {"json", "ndjson", "csv"}
        try:
            page = page_of(columns, terms if ordered else (), limit + rowwise, mark)
        except ValueError:
            raise _foreign() from None
        asked = statement(question, wish.values, tables, reader.dialect, page)
        make = self._by_rows if rowwise else self._by_columns
        return make(reader, wish.form, asked, columns, _Page(limit, terms, mark, ordered, tag, version))

    def _shape(self, reader: Reader, bare: Statement, version: str) -> tuple[Column, ...]:
        key = (bare.text, version)
        columns = self._shapes.get(key)
        if columns is None:
            columns = distinct(columns_of(reader, bare, self.book.tables))
            self._shapes[key] = columns
            while len(self._shapes) > _SHAPES:
                self._shapes.popitem(last=False)
        return columns

    def _by_rows(
        self, reader: Reader, form: Form, asked: Statement, columns: tuple[Column, ...], page: _Page
    ) -> tuple[Reply, bytes]:
        """A page of few rows: into memory, and into a file where they are long."""
        before, behind = frame(form, columns)
        body, file, count = bytearray(before + b"[" if before else b""), None, 0
        mark, more, first = page.mark, False, True
        for part in reader.rows(asked.text, asked.values, columns):
            more = count + len(part) > page.limit
            rows = part[: page.limit - count]
            count += len(rows)
            body += rows_as(form, columns, rows, first=first)
            first = False
            if rows and page.terms and page.ordered:
                mark = mark_after(rows, columns, page.terms, mark)
            if len(body) > INLINE:
                file = file or self._file()
                with file.open("ab") as stream:
                    stream.write(body)
                body.clear()
        if first:
            body += rows_as(form, columns, (), first=True)
        body += b"]" + behind if behind else b""
        keyed = mark is not None and mark.values is not None
        reply = page.reply(mark if keyed else page.then(), more=more)
        if file is None:
            return reply, bytes(body)
        with file.open("ab") as stream:
            stream.write(body)
        return msgspec.structs.replace(reply, file=str(file)), b""

    def _by_columns(
        self, reader: Reader, form: Form, asked: Statement, columns: tuple[Column, ...], page: _Page
    ) -> tuple[Reply, bytes]:
        """A page of any size, in bounded memory."""
        file = self._file()
        count = self._sheets.write(file, form, columns, reader.fetch(asked.text, asked.values))
        reply = page.reply(page.then(), more=count == page.limit)
        before, behind = frame(form, columns)
        if file.stat().st_size > INLINE:
            around = {"before": before.decode(), "behind": behind.decode()}
            return msgspec.structs.replace(reply, file=str(file), **around), b""
        body = file.read_bytes()
        file.unlink()
        return reply, before + body + behind

    def _file(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / uuid4().hex


class _Page(msgspec.Struct, frozen=True):
    """What an answer's reply is made of, beside its rows."""

    limit: int
    terms: tuple[Term, ...]
    mark: Mark | None
    ordered: bool
    tag: str
    version: str

    def then(self) -> Mark:
        """The mark of the next page by its place behind this one's."""
        return Mark(self.mark.values if self.mark else None, (self.mark.skip if self.mark else 0) + self.limit)

    def reply(self, following: Mark | None, *, more: bool) -> Reply:
        """The reply to a page, behind which there are more rows or not."""
        mark = following.text() if following and more and self.ordered else ""
        return Reply(tag=self.tag, version=self.version, next=mark, cut=more)


def table(reader: Reader, book: Book, question: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A whole answer as JSON values, for people: `columns`, `rows`, and the places of `numeric` columns.

    `question` is a query's name or SQL. Raises UsageError and EngineError.
    """
    asked = statement(_named(book, question), values, book.tables, reader.dialect, landed=book.landed)
    columns = distinct(columns_of(reader, asked, book.tables))
    rows = [row for part in reader.rows(asked.text, asked.values, columns) for row in part]
    names = [column.name for column in columns]
    numeric = [place for place in range(len(names)) if _is_numeric([row[place] for row in rows])]
    told = [{name: as_json(value) for name, value in zip(names, row, strict=True)} for row in rows]
    return {"columns": names, "rows": told, "numeric": numeric}


def explain(reader: Reader, book: Book, question: str, values: Mapping[str, str]) -> dict[str, Any]:
    """How a question would be answered, as JSON values: `plan` in the engine's words, and `bytes` where it tells them.

    Raises UsageError and EngineError.
    """
    asked = statement(_named(book, question), values, book.tables, reader.dialect, landed=book.landed)
    found = reader.explain(asked.text, asked.values)
    return {"sql": asked.text, "plan": found.plan, "bytes": found.bytes}


def _named(book: Book, question: str) -> Query | str:
    named = book.queries.get(question)
    if named is None and re.fullmatch(r"\w+", question):
        raise UsageError(question, "is not a query of this platform", suggestion(question, book.queries))
    return named or question


class RefusedError(Exception):
    """There is no answer, for this reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def _tag(version: str, bare: Statement, wish: Wish, limit: int) -> str:
    text = repr((version, bare.text, bare.values, wish.form, limit, wish.after))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _mark(text: str) -> Mark:
    try:
        return Mark.of(text)
    except (ValueError, msgspec.MsgspecError):
        raise _foreign() from None


def _foreign() -> UnfitError:
    return UnfitError("after", "after must be what the answer before gave as the next", "", "after")


def _stopped(reason: Reason, seconds: float) -> RefusedError:
    if reason == "late":
        detail = f"The question took longer than {seconds:g} seconds, and was stopped."
        return RefusedError(Refusal(kind=reason, detail=detail))
    return RefusedError(Refusal(kind=reason, detail="Nobody waited for the answer."))


def _said(fact: str, remedy: str) -> str:
    text = fact[:1].upper() + fact[1:]
    return f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} {remedy}".strip()


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)
