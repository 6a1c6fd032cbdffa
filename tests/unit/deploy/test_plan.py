"""From a platform's files to a plan: no credentials, no network, no secret."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from asterism.declare.duration import duration
from asterism.deploy.aws.schedule import expressions
from asterism.deploy.compare import APPLIED, STATE, with_folder, with_terraform
from asterism.deploy.derive import graph_of
from asterism.deploy.gcp.schedule import expression
from asterism.deploy.graph import Clock
from asterism.deploy.package import Archive, Package, platform_files
from asterism.deploy.plan import DESIGNS
from asterism.deploy.remain import remaining
from asterism.deploy.terraform import document
from asterism.deploy.validate import validate
from asterism.errors import ProjectError
from asterism.project.load import load

from .places import EXAMPLES, NAMES, with_deploy

ASTERISM = Path(sys.executable).with_name("asterism")
PACKAGE = Package(Archive("platform", {}), Archive("libraries", {}))
PLANTED = "planted-value-that-nobody-may-see"


def run(*arguments, root, code=0, **environment):
    own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment}
    done = subprocess.run(
        [ASTERISM, *arguments, "--project", root], capture_output=True, text=True, env=own, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def designed(root, stage="aws"):
    _, graph = graph_of(root, stage, {})
    return DESIGNS[graph.target.cloud](graph, PACKAGE)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("name", NAMES)
def test_every_resource_names_the_line_that_declares_it(name, cloud):
    for each in designed(EXAMPLES / name, cloud).resources:
        if not each.data:
            file, _, line = each.place.partition(":")
            assert int(line) <= len((EXAMPLES / name / file).read_text().splitlines()), each
            assert each.purpose, each


def test_a_view_stands_at_the_function_that_folds_it():
    _, graph = graph_of(EXAMPLES / "occupancy", "aws", {})
    (view,) = [each for each in graph.functions if each.name == "view-hourly"]
    file, _, line = view.place.partition(":")
    assert "def hourly(" in (EXAMPLES / "occupancy" / file).read_text().splitlines()[int(line) - 1]


def test_the_command_line_tells_the_plan():
    told = json.loads(run("plan", "--stage", "aws", "--json", root=EXAMPLES / "occupancy"))
    assert {each["name"] for each in told["functions"]} == {
        "http",
        "writer",
        "events-accesses",
        "view-occupancy",
        "view-site",
        "view-hourly",
        "watch",
    }
    assert {each["change"] for each in told["resources"]} == {"make"}
    assert "this stage has no state here" in told["compared_with"]
    text = run("plan", "--stage", "gcp", root=EXAMPLES / "occupancy")
    assert "keeps the live view occupancy of accesses" in text
    assert run("plan", "--stage", "aws", "--draw", root=EXAMPLES / "occupancy").startswith("flowchart LR")


def test_a_stage_that_says_nothing_of_a_cloud_is_not_deployed():
    said = run("plan", "--stage", "dev", root=EXAMPLES / "occupancy", code=2)
    assert "does not say where it is deployed to" in said
    assert "[dev.deploy]" in said


def test_no_value_of_a_secret_is_in_what_is_written_or_said(tmp_path):
    root = with_deploy(tmp_path)
    (root / ".asterism" / "secrets").mkdir(parents=True)
    (root / ".asterism" / "secrets" / "WAREHOUSE_URL").write_text(f"postgresql://shop:{PLANTED}@db/shop")
    (root / ".env").write_text(f"WAREHOUSE_URL={PLANTED}")
    (root / "old.tfstate").write_text(PLANTED)
    environment = {"WAREHOUSE_URL": f"postgresql://shop:{PLANTED}@db/shop", "AWS_SECRET_ACCESS_KEY": PLANTED}
    out, wheels = tmp_path / "out", tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "library-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("library/__init__.py", "")
    said = run("plan", "--stage", "aws", "--json", "--wheels", wheels, root=root, **environment)
    said += run("deploy", "--stage", "aws", "--wheels", wheels, "--write-only", out, root=root, **environment)
    assert PLANTED not in said
    for file in out.iterdir():
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                assert not [name for name in archive.namelist() if PLANTED.encode() in archive.read(name)]
        else:
            assert PLANTED not in file.read_text()
    assert "WAREHOUSE_URL" in (out / "main.tf.json").read_text()


def test_the_same_files_give_the_same_bytes(tmp_path):
    root = with_deploy(tmp_path)
    archives = []
    for number, moment in enumerate((1_000_000_000, 1_500_000_000)):
        os.utime(root / "platform.py", (moment, moment))
        content = {
            path: of
            for path, of in platform_files(load(root, "aws", {}, sealed=True)).items()
            if "asterism/" not in path
        }
        folder = tmp_path / str(number)
        folder.mkdir()
        archives.append(Archive("platform", dict(reversed(content.items())) if number else content).write(folder))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert archives[0].name == archives[1].name
    (root / "platform.py").write_text((root / "platform.py").read_text() + "\n# changed\n")
    changed = Archive("platform", platform_files(load(root, "aws", {}, sealed=True)))
    assert changed.file != archives[0].name


def test_bytecode_lies_beside_what_a_function_imports_when_it_begins(tmp_path):
    content = {"asterism/place.py": b"names = {'a', 'b', 'c'} & {'a', 'd'}\n", "project/own.py": b"own = 1\n"}
    written = Archive("platform", content, compiled=True).write(tmp_path)
    told = "import sys; from asterism.deploy.package import Archive; from pathlib import Path; "
    told += f"print(Archive('platform', {content!r}, compiled=True).write(Path(sys.argv[1])).read_bytes().hex())"
    (tmp_path / "other").mkdir()
    other = subprocess.run(
        [sys.executable, "-c", told, str(tmp_path / "other")], capture_output=True, text=True, check=True
    )
    assert bytes.fromhex(other.stdout) == written.read_bytes()
    with zipfile.ZipFile(written) as archive:
        tag = sys.implementation.cache_tag
        assert archive.namelist() == ["asterism/place.py", f"asterism/__pycache__/place.{tag}.pyc", "project/own.py"]
        archive.extractall(tmp_path / "code")
    source = tmp_path / "code/asterism/place.py"
    source.write_text("raise AssertionError('compiled anew')\n")
    environment = {**os.environ, "PYTHONPATH": str(source.parent)}
    environment.pop("PYTHONPYCACHEPREFIX", None)
    asked = [sys.executable, "-c", "import place; print(place.names)"]
    assert subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout == "{'a'}\n"


def test_hidden_files_keys_tests_and_folders_of_secrets_stay_behind(tmp_path):
    root = with_deploy(tmp_path)
    for name in (".git/config", "tests/case.sql", "vault/key", "server.pem", "a.tfvars", "notes/one.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
    content = platform_files(load(root, "aws", {}, sealed=True), ("vault",))
    own = {path for path in content if path.startswith("project/")}
    assert own == {"project/platform.py", "project/asterism.toml", "project/notes/one.md"}


def test_all_that_stands_in_the_way_is_said_at_once(tmp_path):
    top = 'warehouse = "duckdb:///w.duckdb"\nlake = "lake"\nlog = "sqlite:///log.db"'
    settings = {"region": "nowhere", "memory": 64, "name": "A_b", "alarms": ["nobody"], "backup": ["none"]}
    root = with_deploy(tmp_path, top=top, log_days=8, **settings)
    project, graph = graph_of(root, "aws", {"WAREHOUSE_URL": "x"})
    said = {problem.where.partition(":")[2]: problem.fact for problem in validate(project, graph)}
    assert [said[str(line)].split()[0] for line in (2, 3, 4)] == ["warehouse", "lake", "log"]
    assert len(said) == 10


PLACES = {
    "aws": {"warehouse": "${secret:WAREHOUSE_URL}", "lake": "s3://shop-aws-lake", "log": "kinesis://shop-aws"},
    "gcp": {"warehouse": "${secret:WAREHOUSE_URL}", "lake": "gs://shop-gcp-lake", "log": "pubsub://project-1/shop-gcp"},
}


@pytest.mark.parametrize(
    ("cloud", "setting", "uri", "expected"),
    [
        ("aws", "lake", "s3://", "s3:// is not s3://bucket/folder"),
        ("aws", "lake", "s3://shop-aws-lake/a/b", None),
        ("aws", "log", "kinesis://", None),
        ("aws", "log", "kinesis://a b", "kinesis://a b is not kinesis://prefix?positions=table"),
        ("aws", "log", "kinesis://shop?position=t", "kinesis has no option 'position'"),
        ("aws", "log", "kinesis://shop?positions=t&shards=two", "shards is 'two', which is no number"),
        ("gcp", "log", "pubsub://project-1", "pubsub://project-1 is not pubsub://project/topic"),
        ("gcp", "log", "pubsub://project-1/a/b", "pubsub://project-1/a/b is not pubsub://project/topic"),
        ("gcp", "warehouse", "bigquery://project-1", "bigquery://project-1 is not bigquery://project/dataset"),
        ("gcp", "warehouse", "bigquery://project-1/shop", None),
    ],
)
def test_a_place_that_is_no_place_is_said_before_anything_is_made(tmp_path, cloud, setting, uri, expected):
    top = "\n".join(f'{name} = "{value}"' for name, value in {**PLACES[cloud], setting: uri}.items())
    target = {"cloud": "gcp", "region": "europe-west2", "project": "project-1"} if cloud == "gcp" else {}
    project, graph = graph_of(with_deploy(tmp_path, cloud, top, **target), cloud, {})
    assert [problem.fact for problem in validate(project, graph)] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("stage", "wrong", "expected"),
    [
        ("gcp", {"views": "bigtable://p"}, "bigtable://p is not bigtable://project/instance/table"),
        ("aws", {"views": "dynamodb://"}, "dynamodb:// is not dynamodb://table"),
        ("aws", {"log": "kinesis://occupancy"}, "the view hourly waits for its table, and the log keeps no positions"),
    ],
)
def test_what_views_need_is_said_before_anything_is_made(tmp_path, stage, wrong, expected):
    root = tmp_path / "occupancy"
    shutil.copytree(EXAMPLES / "occupancy", root)
    settings = (root / "asterism.toml").read_text()
    head, section, rest = settings.partition(f"[{stage}]\n")
    for name, uri in wrong.items():
        rest = re.sub(rf'^{name} = ".*"$', f'{name} = "{uri}"', rest, count=1, flags=re.MULTILINE)
    (root / "asterism.toml").write_text(head + section + rest)
    project, graph = graph_of(root, stage, {"GCP_PROJECT": "project-1"})
    assert any(problem.fact.startswith(expected) for problem in validate(project, graph))


GOOGLE = 'warehouse = "${secret:WAREHOUSE_URL}"\nlake = "gs://shop-gcp-lake"\nlog = "pubsub://project-1/shop-gcp"'
IMAGE = "europe-west2-docker.pkg.dev/project-1/asterism/shop"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"service": "cloud-run"}, "services of Cloud Run are made from an image"),
        ({"service": "cloud-run", "image": "No Image"}, "'No Image' is no image"),
        ({"image": IMAGE}, "functions are made from a package, and from no image"),
        ({"timeout": 900}, "timeout is 900, and gcp takes 1 to 540 seconds"),
        ({"service": "cloud-run", "image": f"{IMAGE}:7", "timeout": 900}, None),
        ({"service": "cloud-run", "image": f"{IMAGE}@sha256:{'0' * 64}"}, None),
    ],
)
def test_a_service_of_cloud_run_is_made_from_an_image_and_has_more_time(tmp_path, given, expected):
    root = with_deploy(tmp_path, "gcp", GOOGLE, cloud="gcp", region="europe-west2", project="project-1", **given)
    project, graph = graph_of(root, "gcp", {})
    assert [problem.fact for problem in validate(project, graph)] == ([expected] if expected else [])


def test_a_service_that_nobody_knows_is_said(tmp_path):
    with pytest.raises(ProjectError, match="'lambda' is no service that is known"):
        graph_of(with_deploy(tmp_path, service="lambda"), "aws", {})


def test_cloud_run_is_of_google_alone(tmp_path):
    project, graph = graph_of(with_deploy(tmp_path, service="cloud-run", image=IMAGE), "aws", {})
    assert [problem.fact for problem in validate(project, graph)] == ["aws has no cloud-run"]


@pytest.mark.parametrize(("tag", "expected"), [("", f"{IMAGE}:{PACKAGE.platform.sha256[:16]}"), (":7", f"{IMAGE}:7")])
def test_an_image_is_tagged_with_the_hash_of_the_package_unless_the_stage_names_a_tag(tmp_path, tag, expected):
    given = {"cloud": "gcp", "region": "europe-west2", "project": "project-1", "service": "cloud-run"}
    design = designed(with_deploy(tmp_path, "gcp", GOOGLE, **given, image=f"{IMAGE}{tag}"), "gcp")
    (image,) = [each.default for each in design.variables if each.name == "image"]
    assert image == expected
    assert any(expected in note for note in design.notes)


def test_a_password_in_a_place_or_a_variable_is_refused(tmp_path):
    top = 'warehouse = "${URL}"\nlake = "s3://shop-aws-lake"\nlog = "kinesis://shop-aws?positions=${API_TOKEN}"'
    root = with_deploy(tmp_path, top=top)
    given = {"URL": f"postgresql://shop:{PLANTED}@db/shop", "API_TOKEN": "t"}
    project, graph = graph_of(root, "aws", given)
    said = [str(problem) for problem in validate(project, graph)]
    assert len(said) == 3
    assert not any(PLANTED in each for each in said)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 3 * * *", ["cron(0 3 * * ? *)"]),
        ("*/5 * * * 1-5", ["cron(*/5 * ? * 2-6 *)"]),
        ("0 9 * * 0,7", ["cron(0 9 ? * 1,1 *)"]),
        ("0 9 1 * 1", ["cron(0 9 1 * ? *)", "cron(0 9 ? * 2 *)"]),
        ("0 9 * * 1/2", ["cron(0 9 ? * 2/2 *)"]),
    ],
)
def test_a_cron_expression_is_written_as_eventbridge_has_it(cron, expected):
    assert expressions(Clock("pull", "x", "", cron)) == expected


@pytest.mark.parametrize(
    ("every", "rate", "cron"),
    [
        ("30s", "rate(1 minute)", "* * * * *"),
        ("90s", "rate(2 minutes)", "* * * * *"),
        ("5m", "rate(5 minutes)", "*/5 * * * *"),
        ("7m", "rate(7 minutes)", "*/6 * * * *"),
        ("1h", "rate(1 hour)", "0 * * * *"),
        ("5h", "rate(5 hours)", "0 */4 * * *"),
        ("1d", "rate(1 day)", "0 0 * * *"),
    ],
)
def test_an_interval_is_written_as_each_clock_has_it(every, rate, cron):
    clock = Clock("pull", "x", "", every=duration(every))
    assert expressions(clock) == [rate]
    assert expression(clock) == cron


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("name", NAMES)
def test_what_holds_data_is_protected_and_can_stand_alone(name, cloud):
    design = designed(EXAMPLES / name, cloud)
    left = remaining(design)
    kinds = {each.kind for each in left.resources if not each.data}
    assert not kinds & {"aws_lambda_function", "google_cloudfunctions2_function", "aws_iam_role"}
    whole = document(left)
    known = {each.address for each in left.resources} | {f"var.{each.name}" for each in left.variables}
    text = json.dumps(whole)
    assert set(re.findall(r"\$\{((?:data\.)?(?:aws|google)_\w+\.\w+)", text)) <= known
    for each in left.resources:
        if each.keeps:
            assert whole["resource"][each.kind][each.name]["lifecycle"] == [{"prevent_destroy": True}]
    open_ = json.dumps(document(left, protect=False))
    assert "prevent_destroy" not in open_
    assert '"deletion_protection_enabled": true' not in open_


def test_an_instance_stands_before_its_table():
    table = document(designed(EXAMPLES / "occupancy", "gcp"))["resource"]["google_bigtable_table"]["views"]
    assert table["instance_name"] == "${google_bigtable_instance.views.name}"


def test_what_stands_is_told_from_what_is_new_changed_and_gone(tmp_path):
    root = with_deploy(tmp_path)
    design = designed(root)
    applied = document(design)
    applied["resource"]["aws_kinesis_stream"]["orders"] |= {"shard_count": 9}
    (tmp_path / APPLIED).write_text(json.dumps(applied))
    there = ["aws_kinesis_stream.orders", "aws_sqs_queue.writer", "aws_sqs_queue.former"]
    resources = [
        {"mode": "managed", "type": kind, "name": name, "instances": [{}]}
        for kind, _, name in (each.partition(".") for each in there)
    ]
    (tmp_path / STATE).write_text(json.dumps({"resources": resources}))
    changes = with_folder(design, tmp_path)
    assert changes.of("aws_kinesis_stream.orders") == "change"
    assert changes.of("aws_sqs_queue.writer") == "keep"
    assert changes.of("aws_lambda_function.writer") == "make"
    assert changes.destroyed == ("aws_sqs_queue.former",)


def test_terraforms_own_plan_is_read():
    shown = {
        "resource_changes": [
            {"address": "aws_a.x", "change": {"actions": ["create"]}},
            {"address": "aws_a.y", "change": {"actions": ["update"]}},
            {"address": "aws_a.z", "change": {"actions": ["delete", "create"]}},
            {"address": "aws_a.k", "change": {"actions": ["no-op"]}},
            {"address": "aws_a.old", "change": {"actions": ["delete"]}},
        ]
    }
    changes = with_terraform(shown)
    assert [changes.of(f"aws_a.{each}") for each in "xyzk"] == ["make", "change", "replace", "keep"]
    assert changes.destroyed == ("aws_a.old",)


def test_destroying_asks_for_the_stages_name_and_production_for_its_data_too(tmp_path):
    root = with_deploy(tmp_path)
    assert "Add --yes aws" in run("destroy", "--stage", "aws", root=root, code=2)
    assert "is not the stage's name" in run("destroy", "--stage", "aws", "--yes", "prod", root=root, code=2)
    settings = root / "asterism.toml"
    settings.write_text(settings.read_text().replace("[aws]", "[aws]\nproduction = true"))
    assert "with its data or not at all" in run("destroy", "--stage", "aws", "--yes", "aws", root=root, code=2)
