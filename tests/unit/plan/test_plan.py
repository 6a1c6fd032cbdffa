"""A plan serves whoever has the same models and tables, at whatever moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from asterism.declare.model import Model
from asterism.declare.table import Column, Table
from asterism.plan.compile import compile_models
from asterism.plan.plan import Plan

TABLES = {"r.sale": Table("r.sale", (Column("id", "INTEGER"), Column("day", "DATE")), ("id",))}
TODAY = Model("today", Path("today.sql"), "", "select id from r.sale where day = current_date", 1, "mart", ("id",))


@dataclass(frozen=True)
class Interrupted(Plan):
    """While one makes its text, another asks for its own."""

    def full(self, moment: datetime) -> exp.Query:
        if moment.day == 1:
            self.full_sql(datetime(2024, 1, 2), "duckdb")
        return super().full(moment)


def test_who_asks_for_another_moment_meanwhile_gets_that() -> None:
    (plan,) = compile_models([TODAY], TABLES).plans
    both = Interrupted(**{name: getattr(plan, name) for name in Plan.__dataclass_fields__})
    assert "2024-01-01" in both.full_sql(datetime(2024, 1, 1), "duckdb")
    assert "2024-01-02" in both.full_sql(datetime(2024, 1, 2), "duckdb")
    assert "2024-01-01" in both.full_sql(datetime(2024, 1, 1), "duckdb")


def test_the_same_models_over_the_same_tables_are_compiled_once() -> None:
    made = compile_models([TODAY], TABLES)
    assert compile_models([replace(TODAY)], {name: replace(each) for name, each in TABLES.items()}) is made
    edited = replace(TODAY, sql="select id, day from r.sale where day = current_date")
    assert compile_models([edited], TABLES).plans[0].fingerprint != made.plans[0].fingerprint
    wider = {"r.sale": replace(TABLES["r.sale"], columns=(*TABLES["r.sale"].columns, Column("x", "INTEGER")))}
    assert compile_models([TODAY], wider) is not made
