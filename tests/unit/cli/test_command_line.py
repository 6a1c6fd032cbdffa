"""The command line as a user meets it, on platforms that need no source."""

import io
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path

import pytest

from asterism.adapters.sqlite.log import SqliteLog
from asterism.cli.main import main
from asterism.ports.log import Entry

ASTERISM = str(Path(sys.executable).with_name("asterism"))
TOML = """\
[dev]
warehouse = "duckdb:///.asterism/dev/w.duckdb"
lake = ".asterism/dev/lake"

[prod]
warehouse = "duckdb:///.asterism/prod/w.duckdb"
lake = ".asterism/prod/lake"
production = true
"""
DAYS = """\
-- Some days.
-- kind: dimension
-- key: day
select cast(day as date) as day, 9007199254740993 as big, cast(1.50 as decimal(10,2)) as price, null as nothing
from (values ('2024-01-01'), ('2024-01-02')) as t(day)
"""


@pytest.fixture
def shop(tmp_path):
    for name, text in {
        "asterism.toml": TOML,
        "platform.py": 'from asterism import Platform\nplatform = Platform("shop")\n',
        "models/dim_day.sql": DAYS,
        "queries/days.sql": "-- Days.\n-- param: since date = date '2020-01-01'\n"
        "select day from dim_day where day >= $since order by day",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def asterism(folder: Path, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in this process, which is ten times as quick as one of its own."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["asterism", *arguments])
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    done = subprocess.CompletedProcess(arguments, ended.value.code or 0, output.getvalue(), errors.getvalue())
    assert done.returncode == code, done.stdout + done.stderr
    return done


def result(folder: Path, *arguments: str, **options):
    return json.loads(asterism(folder, *arguments, "--json", **options).stdout)


def test_a_platform_is_checked_refreshed_and_asked(shop):
    assert result(shop, "check")["models"] == [
        {"model": "dim_day", "kind": "dimension", "maintained": "incremental, by day", "layout": ""}
    ]
    assert [each["table"] for each in result(shop, "refresh")["refreshed"]] == ["dim_day"]
    assert result(shop, "query", "days", "--param", "since=2024-01-02") == {
        "columns": ["day"],
        "rows": [{"day": "2024-01-02"}],
    }
    assert result(shop, "verify")["differences"] == 0
    assert result(shop, "status")["models"][0]["rows"] == 2


def test_check_says_which_order_a_view_needs(tmp_path):
    shutil.copytree(Path(__file__).parents[3] / "examples" / "occupancy", tmp_path / "doors")
    told = {each["view"]: each["needs"] for each in result(tmp_path / "doors", "check")["views"]}
    assert told == {
        "occupancy": "the order of each service",
        "site": "a fold that comes to the same in any order: accesses is ordered by service",
        "hourly": "the order of each service; the rows of streams.accesses first",
    }


def test_a_stream_that_nothing_was_sent_to_is_empty(tmp_path):
    shutil.copytree(Path(__file__).parents[3] / "examples" / "occupancy", tmp_path / "doors")
    for name in ("accesses", "_quarantine"):
        assert result(tmp_path / "doors", "query", f"select count(*) as n from {name}")["rows"] == [{"n": 0}]


def test_values_of_a_query_lose_nothing(shop):
    asterism(shop, "refresh")
    sql = "select day, big, price, nothing, 'a,\"b' as text, '' as empty from dim_day order by day limit 1"
    (row,) = result(shop, "query", sql)["rows"]
    assert row == {
        "day": "2024-01-01",
        "big": "9007199254740993",
        "price": "1.50",
        "nothing": None,
        "text": 'a,"b',
        "empty": "",
    }
    out = asterism(shop, "query", sql, "--csv").stdout
    assert out == 'day,big,price,nothing,text,empty\n2024-01-01,9007199254740993,1.50,,"a,""b",""\n'
    assert "NULL" in asterism(shop, "query", sql).stdout
    assert "x:x:[red]x" in asterism(shop, "query", "select 'x:x:[red]x' as \"a:b:[c]\"").stdout


def test_figures_stay_in_one_line_in_a_narrow_terminal(shop):
    asterism(shop, "refresh")
    question = "select 'a text that is folded first' as text, 12345678901.25 as figure, 98765432109 as another"
    told = asterism(shop, "query", question, FORCE_COLOR="1", COLUMNS="50").stdout
    assert "12345678901.25" in told
    assert "98765432109" in told
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", told).splitlines()) == 50


def test_columns_of_one_name_are_all_kept(shop):
    asterism(shop, "refresh")
    assert result(shop, "query", "select 1 as a, 2 as a") == {"columns": ["a", "a_2"], "rows": [{"a": 1, "a_2": 2}]}


@pytest.mark.parametrize(
    ("sql", "fact"),
    [
        ("delete from dim_day", "not a SELECT"),
        ("select 1; drop table dim_day", "several statements"),
        ("selec 1", "does not parse"),
        ("dayz", "is not a query of this platform"),
    ],
)
def test_nothing_but_one_select_is_taken(shop, sql, fact):
    asterism(shop, "refresh")
    assert fact in asterism(shop, "query", sql, code=2).stderr
    assert result(shop, "verify")["differences"] == 0


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from read_text('asterism.toml')",
    ],
)
def test_a_query_reaches_no_file(shop, sql):
    asterism(shop, "refresh")
    done = asterism(shop, "query", sql, code=2)
    assert "root:" not in done.stdout + done.stderr


def test_options_stand_before_the_verb_or_after_it(shop, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for arguments in (("--project", str(shop), "--json", "check"), ("check", "--project", str(shop), "--json")):
        assert json.loads(asterism(elsewhere, *arguments).stdout)["platform"] == "shop"
    assert json.loads(asterism(shop / "models", "check", "--json").stdout)["platform"] == "shop"
    assert result(shop, "check", ASTERISM_STAGE="prod")["stage"] == "prod"
    assert result(shop, "check", "--stage", "dev", ASTERISM_STAGE="prod")["stage"] == "dev"


def test_a_wrong_project_is_exit_code_2_with_every_problem(shop):
    (shop / "models" / "bad.sql").write_text("-- X.\n-- kidn: mart\nselect 1")
    (shop / "models" / "worse.sql").write_text("-- X.\n-- kind: mart\n-- key: a\nselect nowhere as a from dim_day")
    done = asterism(shop, "check", code=2)
    assert "models/bad.sql:2: there is no header 'kidn' here\n  Did you mean kind?" in done.stderr
    assert "models/worse.sql:4: " in done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(asterism(shop, "check", "--json", code=2).stderr)
    assert told["error"] == "ProjectError"
    assert {problem["where"] for problem in told["problems"]} >= {"models/bad.sql:2", "models/worse.sql:4"}


def test_debug_shows_where_an_error_arose(shop):
    assert "Traceback" in asterism(shop, "query", "selec 1", "--debug", code=2).stderr


def test_wrong_usage_is_exit_code_2(shop):
    assert "No such command" in asterism(shop, "pul", code=2).stderr
    assert "No such option" in asterism(shop, "pull", "--frobnicate", code=2).stderr
    assert "is not a source" in asterism(shop, "pull", "nowhere", code=2).stderr
    assert "does not say a value" in asterism(shop, "query", "days", "--param", "since", code=2).stderr


def test_there_is_no_platform_here(tmp_path):
    assert "asterism new" in asterism(tmp_path, "status", code=2).stderr


def test_production_is_neither_simulated_nor_reset(shop):
    assert "is production" in asterism(shop, "simulate", "--stage", "prod", code=2).stderr
    assert "is production" in asterism(shop, "reset", "--stage", "prod", "--yes", "prod", code=2).stderr


def test_reset_wants_the_stages_name(shop):
    asterism(shop, "refresh")
    assert "--yes dev" in asterism(shop, "reset", code=2).stderr
    assert "is not the stage's name" in asterism(shop, "reset", "--yes", "prod", code=2).stderr
    asterism(shop, "reset", "--yes", "dev")
    assert result(shop, "status")["models"][0]["state"] == "new"


def test_every_place_by_which_nothing_is_found_is_told_by_check_with_its_line(shop):
    settings = shop / "asterism.toml"
    head, section, rest = settings.read_text().partition("[dev]\n")
    wrong = (
        'log = "kafka://x"\nviews = "redis://x"\nevents = "none"\nmail = "smtp//host"\nsender = "a@example.com"\n'
        'alerts = ["nonsense"]\ncatalogue = "athna://x"\nquery_timeout = 0\n'
    )
    settings.write_text(head + section + wrong + rest)
    told = asterism(shop, "check", code=2).stderr
    first = head.count("\n") + 2
    expected = {0: "log", 1: "views", 3: "mail", 5: "alerts", 6: "catalogue", 7: "query_timeout is 0"}
    for place, said in expected.items():
        assert f"asterism.toml:{first + place}: {said}" in told
    assert f"{len(expected)} problems in" in told
    assert "sqlite:, kinesis:, pubsub:" in told


def test_a_publication_to_what_takes_none_is_told_by_check_with_its_line(shop):
    file = shop / "platform.py"
    file.write_text(f'{file.read_text()}\nplatform.publish(["dim_day"], to="mysql://h/d", schema="stars")\n')
    line = len(file.read_text().splitlines())
    assert f"platform.py:{line}: nothing can be published to mysql:" in asterism(shop, "check", code=2).stderr


def test_a_model_whose_key_is_violated_is_told_by_check(shop):
    asterism(shop, "refresh")
    (shop / "models" / "twice.sql").write_text("-- X.\n-- kind: mart\n-- key: a\nselect 1 as a from dim_day")
    assert result(shop, "refresh", code=1)["held"]
    assert "models/twice.sql: is held: two rows have the key a = 1\n" in asterism(shop, "check", code=2).stderr
    (shop / "models" / "twice.sql").write_text("-- X.\n-- kind: mart\n-- key: nothing\nselect nothing from dim_day")
    assert "two rows have the key nothing = NULL" in str(result(shop, "refresh", code=1)["held"])


def test_check_tells_what_only_an_engine_knows_of_a_select(shop):
    header = "-- What.\n-- kind: mart\n-- key: day\n"
    for name, sql in {
        "function": "select day, frobnicate(price) as f from dim_day",
        "types": "select day,\n day + price as sum from dim_day",
        "grouped": "select day, price, count(*) as n from dim_day group by day",
        "behind": "select day from types",
        "file": "select column0 as day from read_csv('/etc/passwd')",
        "kept": "select day from dim_day",
    }.items():
        (shop / "models" / f"{name}.sql").write_text(header + sql)
    (shop / "models" / "kept.sql").write_text(header + "-- history: versions\nselect day from dim_day")
    question = "-- What.\n-- param: least decimal(10,2) = 'much'\nselect day from dim_day where price > $least"
    (shop / "queries" / "default.sql").write_text(question)
    (shop / "queries" / "sum.sql").write_text("-- What.\nselect sum(valid_from) from kept")
    told = asterism(shop, "check", code=2).stderr
    assert [line.split(": ", 2)[:2] for line in told.splitlines() if line.startswith(("models", "queries"))] == [
        ["models/file.sql:4", "Permission Error"],
        ["models/function.sql:4", "Catalog Error"],
        ["models/grouped.sql:4", "Binder Error"],
        ["models/types.sql:4", "Binder Error"],
        ["queries/default.sql:3", "Conversion Error"],
        ["queries/sum.sql:2", "Binder Error"],
    ]
    assert "TINYINT" not in told, "the candidates of the engine are not all listed"
    asterism(shop, "refresh", code=1)
    assert "is held" not in asterism(shop, "check", code=2).stderr, "what is wrong is told once"


def checked(shop: Path, *lines: str) -> None:
    header = "".join(f"-- check: {line}\n" for line in lines)
    (shop / "models" / "checked.sql").write_text(f"-- X.\n-- kind: mart\n-- key: day\n{header}select * from dim_day\n")


def test_a_check_that_warns_is_told_and_shown_until_it_passes(shop):
    checked(shop, "price > 2 or warn")
    said = "2 rows fail the check `price > 2`: day = 2024-01-01; day = 2024-01-02"
    assert result(shop, "refresh")["notices"] == [f"checked: {said}"]
    (warned,) = result(shop, "status")["warnings"]
    assert (warned["model"], warned["check"], warned["error"]) == ("checked", "price > 2", said)
    assert f"checked: {said}" in asterism(shop, "status").stderr
    checked(shop, "price > 1 or warn")
    assert result(shop, "refresh")["notices"] == []
    assert result(shop, "status")["warnings"] == []


def test_a_check_that_stops_holds_its_model(shop):
    checked(shop, "unique(price)")
    (held,) = result(shop, "refresh", code=1)["held"]
    assert "2 rows fail the check `unique(price)`" in str(held)
    assert "models/checked.sql: is held: 2 rows fail" in asterism(shop, "check", code=2).stderr
    checked(shop, "unique(day)", "day -> dim_day")
    assert result(shop, "refresh")["held"] == []


def test_a_check_that_is_wrong_is_told_with_its_line(shop):
    checked(shop, "price > 0", "prise > 0", "price >", "day -> dim_dya")
    told = " ".join(asterism(shop, "check", code=2).stderr.split())
    assert "models/checked.sql:5: the check `prise > 0`: there is no column 'prise'" in told
    assert "Did you mean 'price'?" in told
    assert "models/checked.sql:6: the check `price >`: the SQL does not parse" in told


def test_a_scaffolded_platform_works_at_once(tmp_path):
    asterism(tmp_path, "new", "mine")
    asterism(tmp_path / "mine", "new", "model", "dim_thing")
    asterism(tmp_path / "mine", "new", "query", "things")
    asterism(tmp_path / "mine", "refresh")
    assert result(tmp_path / "mine", "query", "select * from dim_thing")["rows"] == [{"id": 1}]
    assert result(tmp_path / "mine", "query", "things")["rows"] == [{"since": "2020-01-01"}]
    assert result(tmp_path / "mine", "check")["models"][0]["model"] == "dim_thing"


def test_draw_prints_mermaid_and_writes_svg(shop):
    assert asterism(shop, "draw").stdout.startswith("flowchart LR\n")
    asterism(shop, "draw", "-o", "flow.svg")
    assert (shop / "flow.svg").read_text().startswith("<svg")


def start(shop: Path) -> subprocess.Popen[str]:
    command = [ASTERISM, "run", "--no-http", "--json"]
    process = subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["event"] == "started"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_other_commands_work_while_run_holds_the_warehouse(shop, number):
    process = start(shop)
    try:
        assert json.loads(process.stdout.readline())["event"] == "refreshed"
        assert result(shop, "query", "days")["rows"] == [{"day": "2024-01-01"}, {"day": "2024-01-02"}]
        assert result(shop, "status")["platform"] == "shop"
        assert result(shop, "verify")["differences"] == 0
        assert result(shop, "check")["platform"] == "shop"
        assert result(shop, "pull") == {"sources": [], "failures": []}
        assert "does not parse" in asterism(shop, "query", "selec 1", code=2).stderr
        held = asterism(shop, "rebuild", code=1).stderr
        assert "`asterism run`" in held
        assert str(process.pid) in held
        limit = resource.getrlimit(resource.RLIMIT_AS)
        second = asterism(shop, "run", code=1).stderr
        assert resource.getrlimit(resource.RLIMIT_AS) == limit  # whoever called it may start a browser yet
        assert str(process.pid) in second
    finally:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert json.loads(output.splitlines()[-1])["event"] == "stopped"
    assert result(shop, "status")["platform"] == "shop"


def test_a_run_that_was_killed_leaves_nothing_in_the_way(shop):
    process = start(shop)
    process.kill()
    process.communicate(timeout=60)
    assert result(shop, "refresh")["held"] == []
    process = start(shop)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def test_help_comes_quickly():
    # The promise is 400 ms on a quiet machine; processor time says the same on a busy one. A machine that takes long
    # to import what the command line is made with is slow: there it is compared with that.
    def best(*command: str | Path) -> float:
        measured = [sys.executable, "-c", MEASURE, *command]
        return min(float(subprocess.run(measured, capture_output=True, check=True).stdout) for _ in range(5))

    made_with = best(sys.executable, "-c", "import typer, rich.console, rich.table")
    assert best(ASTERISM, "--help") < max(0.4, 2.5 * made_with)


def test_every_verb_has_help_with_an_example_or_a_sentence(tmp_path):
    listed = asterism(tmp_path, "--help").stdout.partition("Commands:")[2]
    verbs = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line.split()]
    assert {
        "new",
        "check",
        "draw",
        "pull",
        "refresh",
        "run",
        "reset",
        "query",
        "status",
        "verify",
        "rebuild",
        "simulate",
    } <= set(verbs)
    for verb in ("query", "pull"):
        assert f"    asterism {verb} " in asterism(tmp_path, verb, "--help").stdout


def test_two_commands_at_once_wait_for_each_other(shop):
    command = [ASTERISM, "refresh", "--full", "--json"]
    processes = [
        subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors


def test_what_a_rebuild_cannot_take_in_any_more_is_set_aside(tmp_path):
    platform = """
from asterism import Platform, Record
platform = Platform("shop")
class Sale(Record):
    number: str
    amount: %s
platform.stream("sales", Sale, id_field="number")
"""
    (tmp_path / "asterism.toml").write_text(TOML)
    (tmp_path / "platform.py").write_text(platform % "float")
    log = SqliteLog(tmp_path / ".asterism/dev/log.db")
    sales = {"a": b'{"number":"a","amount":1.5}', "b": b'{"number":"b","amount":2}'}
    log.append("sales", [Entry(name, "", body) for name, body in sales.items()], timedelta(days=1))
    log.close()
    assert result(tmp_path, "query", "select count(*) as sales from sales")["rows"] == [{"sales": 0}]
    assert result(tmp_path, "quarantine", "list")["items"] == []
    assert result(tmp_path, "query", "select count(*) as sales from sales")["rows"] == [{"sales": 2}]
    (tmp_path / "platform.py").write_text(platform % "int")
    assert result(tmp_path, "quarantine", "list")["items"] == []  # the quarantine goes on
    assert "asterism rebuild" in asterism(tmp_path, "status").stderr
    asterism(tmp_path, "rebuild")
    assert result(tmp_path, "query", "select * exclude (_received_at) from sales")["rows"] == [
        {"_id": "b", "number": "b", "amount": 2, "_extra": None}
    ]
    (item,) = result(tmp_path, "quarantine", "list")["items"]
    assert (item["record_id"], item["reason"]) == ("a", "Expected `int`, got `float` - at `$.amount`")
