"""The kernel's hand on an engine: statements in DuckDB's dialect, temporary tables that are tidied away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlglot import exp

from asterism.declare.table import Column
from asterism.plan.translate import identifier, translate
from asterism.ports.arrow import ArrowStream
from asterism.ports.engine import Engine


def quote(name: str) -> str:
    """A table's or column's name as an identifier; `schema.table` becomes two."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def listed(names: Sequence[str], alias: str = "") -> str:
    """Column names as a list for SQL, each led by an alias where one is given."""
    prefix = f"{quote(alias)}." if alias else ""
    return ", ".join(f"{prefix}{quote(name)}" for name in names)


class Session:
    """Statements may be text or trees, in DuckDB's dialect; they are translated to the engine's."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._number = 0
        self._temporary: list[str] = []
        self._columns: dict[str, tuple[Column, ...]] = {}

    def execute(self, statement: str | exp.Expr, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; see `Engine.execute`."""
        return self.engine.execute(translate(statement, self.engine.dialect), parameters)

    def later(self, statement: str | exp.Expr, parameters: Sequence[Any] = ()) -> None:
        """Run a statement whose result nobody waits for; see `Engine.later`."""
        self.engine.later(translate(statement, self.engine.dialect), parameters)

    def rows(self, statement: str | exp.Expr, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a SELECT whose result is small; see `Engine.rows`."""
        return self.engine.rows(translate(statement, self.engine.dialect), parameters)

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """Run a SELECT whose result may be large; see `Engine.fetch`."""
        return self.engine.fetch(translate(statement, self.engine.dialect), parameters)

    def native(self, *names: str) -> str:
        """A list of names of tables or columns, in the engine's own dialect."""
        return ", ".join(identifier(name, self.engine.dialect) for name in names)

    def keep(self, statement: str | exp.Expr, *, native: bool = False) -> str:
        """Keep the result of a SELECT in a temporary table until the transaction ends; answer its name.

        `native` says that the statement is of the engine's own dialect already.
        """
        name = self.own(self.name())
        text = str(statement) if native else translate(statement, self.engine.dialect)
        analyze = f"; ANALYZE {quote(name)}" if self.engine.dialect == "postgres" else ""
        self.engine.later(f"CREATE TEMPORARY TABLE {self.native(name)} AS {text}{analyze}")
        return name

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a stored table, asked of the engine once; `reshaped` says that they may have changed."""
        if table not in self._columns:
            found = self.engine.columns(table)
            if not found:
                return ()
            self._columns[table] = found
        return self._columns[table]

    def reshaped(self, table: str) -> None:
        """Ask the engine again for a table's columns, when they are next needed."""
        self._columns.pop(table, None)

    def analyze(self, name: str) -> None:
        """Tell the planner how large a temporary table is, where it does not know by itself."""
        if self.engine.dialect == "postgres":
            self.engine.execute(f"ANALYZE {quote(name)}")

    def name(self) -> str:
        """A fresh name for a temporary table; one that a transaction gave is free again at its end."""
        self._number += 1
        return f"_t{self._number}"

    def own(self, name: str) -> str:
        """Have a temporary table that was made elsewhere dropped with the others."""
        self._temporary.append(name)
        return name

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction of the engine, at whose end no temporary table is left."""
        begun = self._number
        try:
            with self.engine.transaction():
                self._temporary.clear()
                yield
                self.tidy()
        except BaseException:
            self._columns.clear()  # tables that were made here are gone again
            raise
        finally:
            self._number = begun  # names that come again make statements that have been translated already

    def tidy(self) -> None:
        """Drop the temporary tables made so far, in the middle of a long transaction."""
        names = [quote(name) for name in self._temporary]
        if names and self.engine.dialect == "duckdb":
            self.engine.execute("; ".join(f"DROP TABLE IF EXISTS {name}" for name in names))
        elif names and self.engine.dialect in ("postgres", "redshift"):
            self.engine.execute(f"DROP TABLE IF EXISTS {', '.join(names)}")
        # BigQuery drops one at a time, as slowly as any statement; with the transaction's session all of them go.
        self._temporary.clear()
