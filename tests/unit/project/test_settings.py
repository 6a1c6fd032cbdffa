from pathlib import Path

import pytest

from asterism.project.settings import absolute, read

GOOD = """\
default_stage = "test"

[dev]
warehouse = "duckdb:///.asterism/dev/w.duckdb"
lake = ".asterism/dev/lake"

[test]
warehouse = "${WAREHOUSE}"
lake = "s3://bucket/prefix"
production = true

[test.variables]
WAREHOUSE = "postgresql://${DB_HOST:-localhost}/w"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "asterism.toml").write_text(text)
    return folder


def problems(folder: Path, text: str, stage: str | None = None, environment: dict[str, str] | None = None) -> list[str]:
    _, found = read(write(folder, text), stage, environment or {})
    return [f"{each.where} {each.fact} {each.remedy}" for each in found]


def test_the_default_stage_is_interpolated_and_the_others_are_left_alone(tmp_path):
    settings, found = read(write(tmp_path, GOOD), None, {"DB_HOST": "db"})
    assert found == []
    assert settings is not None
    assert settings.stage.warehouse == "postgresql://db/w"
    assert settings.stage.production
    assert settings.stage.schedules
    assert settings.stage.state == str(tmp_path / ".asterism/test")


def test_the_stage_is_the_option_then_the_environment_then_the_default(tmp_path):
    write(tmp_path, GOOD)
    assert read(tmp_path, "dev", {"ASTERISM_STAGE": "test"})[0].stage.name == "dev"
    assert read(tmp_path, None, {"ASTERISM_STAGE": "dev"})[0].stage.name == "dev"
    assert read(tmp_path, None, {})[0].stage.name == "test"


def test_an_unknown_stage_suggests_the_nearest(tmp_path):
    (found,) = problems(tmp_path, GOOD, "tset")
    assert "there is no stage 'tset'" in found
    assert "Did you mean test?" in found


def test_local_paths_become_absolute(tmp_path):
    assert absolute("duckdb:///a/b.duckdb", tmp_path) == f"duckdb:///{tmp_path}/a/b.duckdb"
    assert absolute("duckdb:////abs/b.duckdb", tmp_path) == "duckdb:////abs/b.duckdb"
    assert absolute("duckdb:///:memory:", tmp_path) == "duckdb:///:memory:"
    assert absolute("embedded:///pg", tmp_path) == f"embedded:///{tmp_path}/pg"
    assert absolute("a lake", tmp_path) == f"file://{tmp_path}/a%20lake"
    assert absolute("s3://bucket/x", tmp_path) == "s3://bucket/x"
    assert absolute("postgresql://u@h/d", tmp_path) == "postgresql://u@h/d"


def test_every_problem_is_reported_at_once_with_its_line(tmp_path):
    found = problems(
        tmp_path,
        'defualt_stage = "dev"\n[dev]\nwarehose = "x"\nproduction = "yes"\nlake = "${NOWHERE}"\n'
        "[dev.variables]\nPORT = 1\n",
        "dev",
    )
    assert any(p.startswith("asterism.toml:1 ") and "default_stage" in p for p in found)
    assert any(p.startswith("asterism.toml:3 ") and "Did you mean warehouse?" in p for p in found)
    assert any(p.startswith("asterism.toml:4 ") and "true or false" in p for p in found)
    assert any(p.startswith("asterism.toml:5 ") and "NOWHERE is not set" in p for p in found)
    assert any(p.startswith("asterism.toml:7 ") and "must be a text" in p for p in found)
    assert any(p.startswith("asterism.toml:2 ") and "where its warehouse is" in p for p in found)


def test_an_unset_variable_inside_a_declared_one_is_told_at_its_own_line(tmp_path):
    text = '[dev]\nwarehouse = "${W}"\nlake = "l"\n[dev.variables]\nW = "postgresql://${HOST}/x"\n'
    (found,) = problems(tmp_path, text)
    assert found.startswith("asterism.toml:5 the variable HOST is not set")


@pytest.mark.parametrize(("text", "fact"), [("[dev\n", "is not TOML"), ("", "no stage is declared")])
def test_a_file_that_is_no_use_says_so(tmp_path, text, fact):
    (found,) = problems(tmp_path, text)
    assert fact in found


def test_a_missing_file_says_how_to_begin(tmp_path):
    settings, (problem,) = read(tmp_path, None, {})
    assert settings is None
    assert "asterism new" in problem.remedy
