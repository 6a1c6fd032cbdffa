from pathlib import Path

from asterism.declare.table import Column, Table
from asterism.project.check import check, ordered
from asterism.project.load import examine

ORDERS = Table("shop.orders", (Column("id", "INTEGER", nullable=False), Column("amount", "DECIMAL(10,2)")), ("id",))
HEADER = "-- X.\n-- kind: mart\n-- key: id\n"


def project(folder: Path, **files: str):
    (folder / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n')
    (folder / "platform.py").write_text(
        "from asterism import Platform\nfrom asterism.sources import Postgres\n"
        'platform = Platform("p")\nplatform.pull(Postgres("postgresql://h/d"), into="shop")\n'
    )
    for name, text in files.items():
        kind, _, stem = name.partition("__")
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / f"{stem}.sql").write_text(text)
    return examine(folder, environment={})[0]


def facts(checked) -> list[str]:
    return [str(problem) for problem in ordered(checked.problems)]


def test_sound_models_are_said_to_be_maintained_and_why(tmp_path):
    found = project(
        tmp_path,
        models__a=HEADER + "select id, amount from shop.orders",
        models__b=HEADER + "select id, o.amount, p.amount as other from shop.orders o full join a p using (id)",
        queries__q="-- Q.\n-- param: least decimal(10,2) = 0\nselect * from a where amount >= $least",
    )
    checked = check(found, [ORDERS])
    assert facts(checked) == []
    assert checked.maintenance["a"] == "incremental, by id"
    assert checked.maintenance["b"].startswith("full: ")


def test_every_kind_of_problem_is_reported_at_once(tmp_path):
    found = project(
        tmp_path,
        models__syntax=HEADER + "select id\nfrom (shop.orders",
        models__column=HEADER + "select id, amuont from shop.orders",
        models__table=HEADER + "select id from shop.ordres",
        models__circle=HEADER + "select id from round_about",
        models__round_about=HEADER + "select id from circle",
        models__keyless="-- X.\n-- kind: mart\n-- key: nr\nselect id from shop.orders",
        queries__wrong="-- Q.\nselect nothing from shop.orders",
        queries__default="-- Q.\n-- param: least int = (select min(id) from nowhere)\n"
        "select id from shop.orders where id > $least",
        queries__open="-- Q.\n-- param: unused int\nselect id from shop.orders where id = $one",
    )
    text = "\n".join(facts(check(found, [ORDERS])))
    for expected in (
        "models/syntax.sql:5: the SQL does not parse",
        "models/column.sql:4: ",
        "models/table.sql:4: ",
        "the models form a cycle",
        "models/keyless.sql:",
        "queries/wrong.sql:2: ",
        "queries/default.sql: the default of least: there is no table 'nowhere'",
        "queries/open.sql: the parameter $one is not declared",
        "queries/open.sql: the parameter unused is declared and never used",
    ):
        assert expected in text, (expected, text)


def test_all_that_is_wrong_with_the_names_of_one_select_is_told(tmp_path):
    found = project(
        tmp_path,
        models__columns=HEADER + "select id, amuont,\n  o.idd from shop.orders o\nwhere amuont > nothing",
        models__tables=HEADER + "select id from shop.ordres\njoin nowhere using (id)",
        models__either=HEADER + "select id from shop.orders a join shop.orders b on a.id = b.id",
        models__spelled=HEADER + "select t.ID as id, AMOUNT from shop.orders t join shop.camel c on t.id = c.ID",
    )
    camel = Table("shop.camel", (Column("Id", "INTEGER"), Column("Amount_", "INTEGER")), ("Id",))
    assert [tuple(fact.split("\n  ")) for fact in facts(check(found, [camel, ORDERS]))] == [
        ("models/columns.sql:4: there is no column amuont", "Did you mean 'amount'?"),
        ("models/columns.sql:5: there is no column o.idd", "Did you mean 'id'?"),
        (
            "models/columns.sql:6: there is no column nothing",
            "Correct the name, or add the column to the table it should come from.",
        ),
        (
            "models/either.sql:4: the column 'id' could be that of shop.orders or shop.orders",
            "Write its table before it: `a.id` or `b.id`.",
        ),
        ("models/tables.sql:4: there is no table 'shop.ordres'", "Did you mean 'shop.orders'?"),
        ("models/tables.sql:5: there is no table 'nowhere'", "Pull it from a source, or write its model."),
    ]


CAMEL = Table("shop.camel", (Column("Id", "INTEGER"), Column("At", "DATE"), Column("Boss", "INTEGER")), ("Id",))


def test_the_names_of_a_header_match_columns_whatever_their_case(tmp_path):
    found = project(
        tmp_path,
        models__camel=HEADER + "-- references: boss -> boss\n-- check: unique(id, AT)\n-- check: boss -> boss\n"
        "-- check: at > date '2020-01-01'\n-- partition: at month\n-- cluster: ID, boss\nselect * from shop.camel",
        models__boss="-- X.\n-- kind: dimension\n-- key: ID\nselect Boss as id from shop.camel group by all",
    )
    checked = check(found, [CAMEL])
    assert facts(checked) == []
    assert checked.maintenance == {"boss": "incremental, by id", "camel": "incremental, by Id"}
    model = checked.compiled.plans[-1].model
    assert (model.key, model.references[0].column, model.layout.partition, model.layout.cluster) == (
        ("Id",),
        "Boss",
        "At",
        ("Id", "Boss"),
    )
    assert [(each.unique, each.reference and each.reference.column) for each in model.checks] == [
        (("Id", "At"), None),
        ((), "Boss"),
        ((), None),
    ]


def test_names_of_a_header_that_are_one_whatever_their_case_are_refused(tmp_path):
    found = project(
        tmp_path,
        models__twice="-- X.\n-- kind: mart\n-- key: Id, id\nselect id, at from shop.camel",
        models__versions=HEADER + "-- history: versions\nselect id, boss as Valid_From from shop.camel",
    )
    assert [fact.split("\n")[0] for fact in facts(check(found, [CAMEL]))] == [
        "models/twice.sql:4: the key names a column twice",
        "models/versions.sql:5: the column 'valid_from' is one that history adds",
    ]


def test_every_cycle_is_told(tmp_path):
    reads = {"a": "b", "b": "c", "c": "a", "d": "e", "e": "d", "own": "own", "behind": "a"}
    found = project(tmp_path, **{f"models__{name}": HEADER + f"select id from {read}" for name, read in reads.items()})
    text = "\n".join(facts(check(found, [ORDERS])))
    assert text.count("the models form a cycle: ") == 3
    assert "no table" not in text
    assert "own → own" in text


def test_what_reads_a_source_that_cannot_be_asked_is_only_parsed(tmp_path):
    found = project(
        tmp_path,
        models__a=HEADER + "select id from shop.orders",
        models__b=HEADER + "select id from a",
        models__c=HEADER + "select 1 as id, x",
        models__d=HEADER + "select (id from shop.orders",
        queries__q="-- Q.\nselect id from b",
    )
    checked = check(found, [], frozenset({"shop"}))
    assert [problem.where.split(":")[0] for problem in ordered(checked.problems)] == ["models/c.sql", "models/d.sql"]


def test_a_model_whose_header_is_wrong_is_not_reported_again_by_those_that_read_it(tmp_path):
    found = project(
        tmp_path,
        models__a="-- X.\n-- kind: mrat\n-- key: id\nselect id from shop.orders",
        models__b=HEADER + "select id from a",
        queries__q="-- Q.\nselect id from a join b using (id)",
    )
    assert facts(check(found, [ORDERS])) == []


def test_a_chart_names_columns_of_the_answer(tmp_path):
    found = project(
        tmp_path,
        queries__good="-- Q.\n-- chart: bar x=id y=amount\nselect * from shop.orders",
        queries__wrong="-- Q.\n-- chart: bar x=id y=amuont\nselect id, amount from shop.orders",
    )
    (problem,) = facts(check(found, [ORDERS]))
    assert "queries/wrong.sql:2: the chart's column 'amuont' is not in the answer" in problem
    assert "amount" in problem.partition("answer")[2]


def test_a_column_may_have_a_name_that_looks_like_a_parameter(tmp_path):
    odd = Table("shop.odd", (Column("$insert_id", "VARCHAR"), Column("id", "INTEGER", nullable=False)), ("id",))
    found = project(tmp_path, models__m=HEADER + 'select id, "$insert_id" as insert_id from shop.odd')
    assert facts(check(found, [odd])) == []


def test_who_asks_the_warehouse_for_a_stream_of_the_lake_is_told_where_and_what_to_do(tmp_path):
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n')
    (tmp_path / "platform.py").write_text(
        "from asterism import Platform\nplatform = Platform('p')\nplatform.stream('raw-clicks', lake_only=True)\n"
    )
    for kind, name, text in (
        ("models", "a", HEADER + "select _id as id\nfrom streams.raw_clicks"),
        ("models", "b", HEADER + "select id from a"),
        ("queries", "q", "-- Q.\nselect count(*) as n from raw_clicks"),
        ("queries", "behind", "-- Q.\nselect id from b"),
    ):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.sql").write_text(text)
    found, problems = examine(tmp_path, environment={})
    assert problems == []
    assert facts(check(found, [])) == [
        f"{where}: the stream raw-clicks goes to the lake alone, and has no table\n"
        "  Ask it by `asterism query --on lake`, or leave lake_only=True out of platform.py."
        for where in ("models/a.sql:5", "queries/q.sql:2")
    ]
