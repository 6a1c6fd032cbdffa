import sys
import uuid
from pathlib import Path

import pytest

from asterism.errors import ProjectError
from asterism.project.load import load

TOML = '[dev]\nwarehouse = "duckdb:///w.duckdb"\nlake = "lake"\n'
PLATFORM = """\
from asterism import Platform
from asterism.sources import Postgres

platform = Platform("shop")
shop = platform.pull(Postgres("${SHOP_URL:-embedded:///pg}"), into="shop")

@platform.simulator(shop)
def live(random, database):
    yield from ()
"""


def project(folder: Path, **files: str) -> Path:
    for name, text in {"asterism.toml": TOML, "platform.py": PLATFORM, **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def problems(root: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load(root, whole=True, environment=environment or {})
    return [str(problem) for problem in caught.value.problems]


def test_a_project_loads_into_declarations_without_variables(tmp_path):
    model = "-- X.\n-- kind: mart\n-- key: a\nselect 1 as a"
    loaded = load(project(tmp_path, **{"models/m.sql": model, "queries/q.sql": "-- Q.\nselect 1"}), environment={})
    assert loaded.name == "shop"
    assert loaded.pulls[0].source.url == f"embedded:///{tmp_path}/pg"
    assert loaded.simulators[0].source.url == loaded.pulls[0].source.url
    assert [*loaded.models] == ["m"]
    assert [*loaded.queries] == ["q"]


def test_an_unset_variable_is_told_with_the_line_of_platform_py_where_it_stands(tmp_path):
    (found,) = problems(project(tmp_path, **{"platform.py": PLATFORM.replace(":-embedded:///pg", "")}))
    assert found.startswith("platform.py:5: the variable SHOP_URL is not set")


def test_an_exception_of_platform_py_is_told_with_its_own_line(tmp_path):
    helper = "def limit():\n    return 1 / 0\n"
    files = {"helper.py": helper, "platform.py": "import helper\n" + PLATFORM + "helper.limit()\n"}
    (found,) = problems(project(tmp_path, **files))
    assert found.startswith("helper.py:2: raised ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = (", "platform.py:1: is not Python"),
        ("x = 1", "platform.py: declares no platform"),
        (
            "from asterism import Platform\na, b = Platform('a'), Platform('b')",
            "platform.py: declares 2 platforms: 'a', 'b'",
        ),
        ("import no_such_module_here", "platform.py:1: raised ModuleNotFoundError"),
        ("raise SystemExit(3)", "platform.py:1: raised SystemExit: 3"),
    ],
)
def test_a_platform_file_that_is_wrong_says_where(tmp_path, text, expected):
    (found,) = problems(project(tmp_path, **{"platform.py": text}))
    assert found.startswith(expected)


def test_problems_of_all_files_are_reported_at_once(tmp_path):
    files = {
        "asterism.toml": TOML.replace("lake", "laek"),
        "platform.py": PLATFORM.replace('into="shop"', 'into="main"'),
        "models/a.sql": "select 1",
        "models/b.sql": "-- B.\n-- kind: fact\n-- key: x\n-- references: x -> dim_c\nselect 1 as x",
        "models/dim_d.sql": "-- D.\n-- kind: dimension\n-- key: x\nselect 1 as x",
        "queries/q.sql": "-- Q.\n-- parm: x int\nselect 1",
    }
    found = problems(project(tmp_path, **files))
    for expected in (
        "asterism.toml:3: the stage dev has no setting 'laek'",
        "platform.py:5: a source cannot be pulled into 'main'",
        "models/a.sql:1: does not say what it is",
        "models/b.sql:4: x refers to dim_c, and there is no such model\n  Did you mean dim_d?",
        "queries/q.sql:2: there is no header 'parm' here\n  Did you mean param?",
    ):
        assert any(line.startswith(expected) for line in found), (expected, found)


def test_two_projects_with_modules_of_one_name_do_not_mix(tmp_path):
    for name in ("one", "two"):
        platform = "from asterism import Platform\nimport parts\nplatform = Platform(parts.NAME)\n"
        project(tmp_path / name, **{"platform.py": platform, "parts.py": f'NAME = "{name}"'})
    assert load(tmp_path / "one", environment={}).name == "one"
    assert load(tmp_path / "two", environment={}).name == "two"
    assert "parts" not in sys.modules
    assert not any(str(tmp_path) in path for path in sys.path)


def test_what_platform_py_prints_does_not_reach_stdout(tmp_path, capsys):
    load(project(tmp_path, **{"platform.py": PLATFORM + "print('hello')\n"}), environment={})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def test_a_platform_file_does_not_hide_the_librarys_module_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uuid", uuid)  # others here hold classes of the first one
    text = "import sys\nfor name in ('uuid',):\n    sys.modules.pop(name, None)\nimport uuid\n" + PLATFORM
    assert load(project(tmp_path, **{"platform.py": text}), environment={}).name == "shop"


PUBLISH = 'platform.publish(["dim_staff"], to="${ANALYSIS_URL:-}", schema="analysis")\n'
STAFF = "-- Staff.\n-- kind: dimension\n-- key: id\nselect 1 as id"


def test_a_publication_is_of_the_stages_that_say_where_to(tmp_path):
    root = project(tmp_path, **{"platform.py": PLATFORM + PUBLISH, "models/dim_staff.sql": STAFF})
    assert load(root, environment={}).publications == ()
    (found,) = load(root, environment={"ANALYSIS_URL": "postgresql://h/d"}).publications
    assert (found.name, found.models, found.url) == ("analysis", ("dim_staff",), "postgresql://h/d")
    assert found.table("mart.dim_staff") == "analysis.dim_staff"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"dim_staff"', '"dim_stuff"', "'dim_stuff' is published, and is no model\n  Did you mean dim_staff?"),
        ('schema="analysis"', 'schema="_asterism"', "models cannot be published into the schema '_asterism'"),
        ('schema="analysis"', 'schema="My Stars"', "models cannot be published into the schema 'My Stars'"),
        ('"dim_staff"', '"dim_staff", "a.dim_staff"', "dim_staff and a.dim_staff would be published as one table"),
    ],
)
def test_a_publication_that_cannot_be_is_told_with_its_line(tmp_path, old, new, expected):
    models = {"models/dim_staff.sql": STAFF, "models/a.dim_staff.sql": STAFF}
    (found,) = problems(project(tmp_path, **{"platform.py": PLATFORM + PUBLISH.replace(old, new), **models}))
    assert found.startswith(f"platform.py:10: {expected}")


def test_two_publications_of_one_name_are_refused(tmp_path):
    root = project(tmp_path, **{"platform.py": PLATFORM + PUBLISH * 2, "models/dim_staff.sql": STAFF})
    (found,) = problems(root)
    assert "two publications are called 'analysis'" in found


def test_a_report_asks_what_is_there_and_has_a_sender(tmp_path):
    report = 'platform.report("figures", ["revenu", "costs"], to=["a@example.com"], at="0 5 * * *")\n'
    root = project(
        tmp_path,
        **{
            "asterism.toml": f'{TOML}mail = "smtp://127.0.0.1:25"\n',
            "platform.py": f"{PLATFORM}\n{report}",
            "queries/revenue.sql": "-- Q.\nselect 1",
            "queries/costs.sql": "-- Q.\nselect 1",
        },
    )
    asked, sent = problems(root)
    assert (
        asked == "platform.py:11: the report figures asks 'revenu', and there is no such query\n  Did you mean revenue?"
    )
    assert sent.startswith("asterism.toml:4: the stage has a mail server, and nobody whom its reports come from")
