from pathlib import Path

import pytest

from asterism.declare.model import Check, Layout, Parameter, Reference
from asterism.project import headers

FACT = """\
-- A sale, in every version.
-- kind: fact
-- key: order_id, line
-- history: versions
-- record: sales_record_id
-- references: staff_id -> dim_staff,
--   day -> dim_date

-- Comments after the header's lines are the SQL's own.
select 1 as order_id -- note: not a header
"""


def facts(text: str, read=headers.model, name: str = "models/m.sql") -> list[str]:
    _, problems = read(Path(name), text)
    return [str(problem) for problem in problems]


def test_a_model_is_read_whole():
    model, problems = headers.model(Path("models/fact_sale.sql"), FACT)
    assert problems == []
    assert model is not None
    assert (model.name, model.kind, model.key) == ("fact_sale", "fact", ("order_id", "line"))
    assert (model.history, model.record) == ("versions", "sales_record_id")
    assert model.references == (Reference("staff_id", "dim_staff"), Reference("day", "dim_date"))
    assert model.description == "A sale, in every version."
    assert model.line == 10
    assert model.sql.startswith("select 1 as order_id")


def test_the_record_of_a_history_has_a_name_by_default():
    text = FACT.replace("-- record: sales_record_id\n", "")
    assert headers.model(Path("models/fact_sale.sql"), text)[0].record == "fact_sale_record_id"


def test_a_query_has_typed_parameters_in_order():
    text = "-- Sold in a month.\n-- param: month date = current_date - interval 1 month\n"
    text += "-- param: amount decimal(10,2)\nselect $month, $amount"
    query, problems = headers.query(Path("queries/sold.sql"), text)
    assert problems == []
    assert query.parameters == (
        Parameter("month", "date", "current_date - interval 1 month"),
        Parameter("amount", "decimal(10,2)", None),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "-- X.\n-- kidn: fact\n-- key: a\nselect 1",
            "models/m.sql:2: there is no header 'kidn' here\n  Did you mean kind?",
        ),
        (
            "-- X.\n-- Kind: fact\n-- key: a\nselect 1",
            "models/m.sql:2: there is no header 'Kind' here\n  Did you mean kind?",
        ),
        (
            "-- X.\n-- kind: facts\n-- key: a\nselect 1",
            "models/m.sql:2: there is no kind 'facts'\n  Did you mean fact?",
        ),
        ("-- X.\n-- key: a\nselect 1", "models/m.sql:1: the header kind is missing"),
        ("-- X.\n-- kind: fact\nselect 1", "models/m.sql:1: the header key is missing"),
        ("-- X.\n-- kind: fact\n-- key:\nselect 1", "models/m.sql:3: the header key is missing"),
        ("-- X.\n-- kind: fact\n-- key: a,,b\nselect 1", "models/m.sql:3: key has an empty place"),
        ("-- X.\n-- kind: fact\n-- key: a, a\nselect 1", "models/m.sql:3: key names a column twice"),
        ("-- X.\n-- kind: fact\n-- key: a\n-- key: b\nselect 1", "models/m.sql:4: the header key stands twice"),
        ("-- kind: fact\n-- key: a\nselect 1", "models/m.sql:1: does not say what it is"),
        ("-- X.\n-- kind: fact\n-- key: a\n", "models/m.sql: there is no SELECT"),
        ("-- X.\n-- kind: fact\n-- key: a\n-- history: all\nselect 1", "models/m.sql:4: there is no history 'all'"),
        ("-- X.\n-- kind: fact\n-- key: a\n-- record: r\nselect 1", "models/m.sql:4: record names a version's key"),
        (
            "-- X.\n-- kind: fact\n-- key: a\n-- references: a dim\nselect 1",
            "models/m.sql:4: 'a dim' is not a reference",
        ),
    ],
)
def test_what_is_wrong_with_a_model_is_said_with_its_line(text, expected):
    assert any(found.startswith(expected) for found in facts(text)), facts(text)


def test_all_problems_of_a_file_are_reported_together():
    assert len(facts("-- key: a, a\n-- kidn: x\nselect 1")) == 3


def test_a_name_that_cannot_name_a_table_is_refused():
    assert any("'Fact Sale' cannot be a name" in found for found in facts(FACT, name="models/Fact Sale.sql"))


@pytest.mark.parametrize("line", ["month", "month = 1", ""])
def test_a_parameter_without_a_type_is_refused(line):
    (found,) = facts(f"-- X.\n-- param: {line}\nselect 1", headers.query, "queries/q.sql")
    assert "does not declare a parameter" in found


def test_a_sentence_with_a_colon_is_a_comment():
    model, problems = headers.model(
        Path("models/m.sql"), "-- X.\n-- Mind: this is text.\n-- kind: mart\n-- key: a\nselect 1 as a"
    )
    assert problems == []
    assert model is not None


def checks(*lines: str) -> tuple[Check, ...]:
    text = "-- A sale.\n-- kind: fact\n-- key: id\n" + "\n".join(lines) + "\nselect 1 as id"
    model, problems = headers.model(Path("models/m.sql"), text)
    assert problems == []
    assert model is not None
    return model.checks


def test_a_check_is_a_condition_or_of_uniqueness_or_a_reference():
    assert checks(
        "-- check: amount >= 0",
        "-- check: unique(a, b)",
        "-- check: staff_id -> shop.dim_staff",
        "-- check: status in ('open',",
        "--     'or warn')",
    ) == (
        Check("amount >= 0", 4),
        Check("unique(a, b)", 5, unique=("a", "b")),
        Check("staff_id -> shop.dim_staff", 6, reference=Reference("staff_id", "shop.dim_staff")),
        Check("status in ('open', 'or warn')", 7),
    )


@pytest.mark.parametrize(("end", "stops"), [("", True), (" or stop", True), (" or warn", False), ("  OR WARN", False)])
def test_a_check_stops_unless_it_is_to_warn(end: str, stops: bool):
    assert checks(f"-- check: a = 1 or b = 2{end}") == (Check("a = 1 or b = 2", 4, stops=stops),)


def test_a_check_that_is_empty_or_stands_twice_is_a_problem():
    text = "-- A sale.\n-- kind: fact\n-- key: id\n-- check:\n-- check: a > 1\n-- check: a > 1 or warn\nselect 1 as id"
    empty, twice = facts(text)
    assert "models/m.sql:4: the check is empty" in empty
    assert "models/m.sql:6: the check a > 1 stands twice" in twice


def test_how_rows_lie_is_read():
    text = "-- A.\n-- kind: fact\n-- key: a\n{}\nselect 1 as a"
    model, problems = headers.model(Path("m.sql"), text.format("-- partition: sold_at month\n-- cluster: b, a"))
    assert (model and model.layout, problems) == (Layout("sold_at", "month", ("b", "a")), [])
    model, _ = headers.model(Path("m.sql"), text.format("-- partition: sold_at"))
    assert model is not None
    assert str(model.layout) == "by day of sold_at"
    assert "'sold_at week' is not a column and a unit" in facts(text.format("-- partition: sold_at week"))[0]
    assert "cluster names more than four columns" in facts(text.format("-- cluster: a, b, c, d, e"))[0]
