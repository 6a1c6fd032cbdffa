"""What a check may say, and what is said of one that may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asterism.declare.model import Check, Model, Reference
from asterism.declare.table import Column, Table
from asterism.plan.checks import condition
from asterism.plan.compile import compile_models

COLUMNS = ("id", "amount", "Status")
SALE = Model("sale", Path("sale.sql"), "", "select id, amount, staff from r.sale", 9, "fact", ("id",))
LINES = Model("lines", Path("lines.sql"), "", "select id, amount from r.sale", 4, "fact", ("id", "amount"))
TABLES = {"r.sale": Table("r.sale", tuple(Column(name, "INTEGER") for name in ("id", "amount", "staff")), ("id",))}


def problems(check: Check) -> list[str]:
    compiled = compile_models([replace(SALE, checks=(check,)), LINES], TABLES)
    return [str(each) for each in compiled.problems]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("amount >= 0", '("amount" >= 0)'),
        ("AMOUNT is not null", '(NOT "amount" IS NULL)'),
        ("status in ('a', 'b') or id = 1", """("Status" IN ('a', 'b') OR "id" = 1)"""),
    ],
)
def test_a_condition_names_the_columns_as_the_model_does(text: str, read: str) -> None:
    assert condition(text, COLUMNS) == read


@pytest.mark.parametrize(
    ("text", "fact", "remedy"),
    [
        ("amuont >= 0", "there is no column 'amuont'", "Did you mean 'amount'?"),
        ("amount >=", "the SQL does not parse", "Correct the SQL"),
        ("amount > 0); drop table sale; select (1", "there are several statements", ""),
        ("amount > 0), (id > 0", "it is not one condition", ""),
        ("amount > 0) from r.sale where (id > 0", "it is not one condition", ""),
        ("amount in (select 1)", "it looks beyond one row", ""),
        ("sum(amount) > 0", "it looks beyond one row", ""),
        ("row_number() over () = 1", "it looks beyond one row", ""),
        ("amount > $least", "has no meaning here", ""),
        ("amount < current_date", "it reads the clock", ""),
        ("sale.amount > 0", "is not a column", "Name the model's own columns alone."),
        ("not_null(amount)", "there is no not_null", "Write `amount is not null`."),
        ("accepted(staff, 1, 2)", "there is no accepted", "Write `staff in"),
    ],
)
def test_what_a_check_may_not_say_is_a_problem_of_its_line(text: str, fact: str, remedy: str) -> None:
    (problem,) = problems(Check(text, 5))
    assert problem.startswith(f"sale.sql:5: the check `{text}`: ")
    assert fact in problem
    assert remedy in problem


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (Check("unique(id, amuont)", 5, unique=("id", "amuont")), "Did you mean 'amount'?"),
        (Check("stafff -> r.sale", 5, reference=Reference("stafff", "r.sale")), "Did you mean 'staff'?"),
        (Check("staff -> linse", 5, reference=Reference("staff", "linse")), "Did you mean 'lines'?"),
        (Check("staff -> lines", 5, reference=Reference("staff", "lines")), "has a key of several columns"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(check: Check, said: str) -> None:
    (problem,) = problems(check)
    assert problem.startswith("sale.sql:5: ")
    assert said in problem


def test_models_may_refer_to_each_other() -> None:
    one = replace(SALE, checks=(Check("id -> two", 5, reference=Reference("id", "two")),))
    two = replace(SALE, name="two", checks=(Check("id -> sale", 5, reference=Reference("id", "sale")),))
    compiled = compile_models([one, two], TABLES)
    assert compiled.problems == ()
    assert {plan.table.name for plan in compiled.plans} == {"sale", "two"}
