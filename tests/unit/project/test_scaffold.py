import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from asterism.errors import UsageError
from asterism.project.load import load
from asterism.project.scaffold import new_model, new_platform, new_query, new_source, new_stream, templates


def test_an_empty_platform_loads_at_once_and_its_parts_too(tmp_path):
    root = tmp_path / "shop"
    new_platform(root, "empty")
    assert load(root, environment={}).name == "shop"
    new_source(root, "orders")
    new_source(root, "stock")
    new_stream(root, "page_visits")
    new_stream(root, "clicks")
    new_model(root, "dim_product")
    new_model(root, "fact_sale")
    new_query(root, "best_days")
    loaded = load(root, environment={"ORDERS_URL": "postgresql://h/o", "STOCK_URL": "postgresql://h/s"})
    assert [pull.into for pull in loaded.pulls] == ["orders", "stock"]
    assert {model.name: model.kind for model in loaded.models.values()} == {
        "dim_product": "dimension",
        "fact_sale": "fact",
    }
    assert [(each.name, each.record.__name__) for each in loaded.platform.streams] == [
        ("page-visits", "PageVisit"),
        ("clicks", "Click"),
    ]
    assert [parameter.name for parameter in loaded.queries["best_days"].parameters] == ["since"]
    assert (root / "platform.py").read_text().count("import Postgres") == 1


def test_the_workflow_checks_tests_plans_and_deploys(tmp_path):
    """What it runs is run here as it stands; the clouds' own parts are not."""
    new_platform(tmp_path / "shop", "empty")
    jobs = yaml.safe_load((tmp_path / "shop" / ".github" / "workflows" / "asterism.yml").read_text())["jobs"]
    assert list(jobs) == ["check", "plan", "deploy"]
    assert [jobs[name]["needs"] for name in ("plan", "deploy")] == ["check", "check"]
    commands = [step["run"].split() for step in jobs["check"]["steps"] if step.get("run", "").startswith("asterism")]
    assert commands == [["asterism", "check"], ["asterism", "test"]]
    for command in commands:
        subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], cwd=tmp_path / "shop", check=True)
    (last,) = (step for step in jobs["deploy"]["steps"] if step.get("run", "").startswith("asterism"))
    assert last["run"] == 'asterism $COMMAND --stage "$STAGE"'
    assert "plan --refresh" in last["env"]["COMMAND"]


def test_every_template_is_an_example_and_loads(tmp_path):
    assert "totesys" in templates()
    for name in templates():
        root = tmp_path / f"my_{name}"
        new_platform(root, name)
        assert load(root, environment={}).name == f"my_{name}"


def test_nothing_that_an_example_left_behind_is_copied(tmp_path):
    files = new_platform(tmp_path / "mine", "totesys")
    assert not any({".asterism", "__pycache__"} & set(file.relative_to(tmp_path).parts) for file in files)


@pytest.mark.parametrize("name", ["Shop", "1shop", "my shop"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be a name"):
        new_platform(tmp_path / name, "empty")


@pytest.mark.parametrize("name", ["class", "platform", "stock"])
def test_a_part_does_not_take_a_name_that_has_a_meaning(tmp_path, name):
    root = tmp_path / "shop"
    new_platform(root, "empty")
    new_stream(root, "stock")
    before = (root / "platform.py").read_text()
    with pytest.raises(UsageError, match="has a meaning"):
        new_source(root, name)
    with pytest.raises(UsageError, match="has a meaning"):
        new_stream(root, {"stock": "records"}.get(name, name))
    assert (root / "platform.py").read_text() == before


def test_nothing_is_ever_overwritten(tmp_path):
    new_platform(tmp_path / "shop", "empty")
    new_model(tmp_path / "shop", "dim_a")
    for again in (
        lambda: new_platform(tmp_path / "shop", "empty"),
        lambda: new_model(tmp_path / "shop", "dim_a"),
    ):
        with pytest.raises(UsageError, match="stands there already"):
            again()
    new_source(tmp_path / "shop", "orders")
    with pytest.raises(UsageError, match="is pulled in platform"):
        new_source(tmp_path / "shop", "orders")


def test_an_unknown_template_suggests_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="no such template") as caught:
        new_platform(tmp_path / "shop", "totsys")
    assert caught.value.remedy == "Did you mean totesys?"


def test_a_part_needs_a_platform(tmp_path):
    with pytest.raises(UsageError, match=r"has no asterism\.toml"):
        new_query(Path(tmp_path), "q")
