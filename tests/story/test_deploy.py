"""An example is deployed to AWS, as MiniStack plays it: by Terraform, with the real provider."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import terraform
from ministack import COMMAND, ministack

EXAMPLES = Path(__file__).parents[2] / "examples"
ASTERISM = Path(sys.executable).with_name("asterism")
DRIFTS = {"aws_cloudwatch_metric_alarm", "aws_kinesis_firehose_delivery_stream"}
"""What MiniStack tells otherwise than it was told: dimensions of alarms, the time zone of Firehose."""
QUICK, OTHERS = "totesys", ("jupiter", "liberta", "occupancy", "user_data")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    if not COMMAND.is_file():
        pytest.skip("no MiniStack: make .emulators/venv/.made")
    folder = tmp_path_factory.mktemp("cloud")
    settings = terraform.settings(folder)
    with ministack(folder) as environment:
        yield environment | settings


class Site:
    """A copy of an example, and what its user types."""

    def __init__(self, root, environment):
        self.root = root
        self.environment = {**os.environ, **environment}

    def __call__(self, *arguments):
        command = [ASTERISM, *arguments, "--project", self.root, "--stage", "aws", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def state(self):
        file = self.root / ".asterism" / "deploy" / "aws" / "terraform.tfstate"
        return [each["type"] for each in json.loads(file.read_text())["resources"] if each["mode"] == "managed"]

    def drifted(self):
        told = self("plan", "--refresh")
        assert told["destroyed"] == []
        return {
            each["address"] for each in told["resources"]
            if each["change"] != "keep" and each["address"].partition(".")[0] not in DRIFTS
        }  # fmt: skip


def site_of(name, folder, cloud):
    root = folder / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__", ".*_cache"))
    terraform.point_at(root / ".asterism" / "deploy" / "aws", cloud["AWS_ENDPOINT_URL"])
    return Site(root, cloud)


def stands(site):
    deployed = site("deploy")
    assert deployed["url"].startswith("http")
    assert site.drifted() == set()
    return deployed


def goes(site):
    site("destroy", "--yes", "aws", "--with-data")
    assert site.state() == []


def test_totesys_is_deployed_as_planned_and_destroyed(tmp_path, cloud):
    site = site_of(QUICK, tmp_path, cloud)
    stands(site)
    goes(site)


@pytest.mark.soak
@pytest.mark.parametrize("name", OTHERS)
def test_an_example_is_deployed_changed_and_destroyed_and_its_data_goes_last(name, tmp_path, cloud):
    site = site_of(name, tmp_path, cloud)
    stands(site)
    settings = site.root / "asterism.toml"
    settings.write_text(settings.read_text().replace("[aws.deploy]", "[aws.deploy]\nmemory = 512"))
    changed = {each["address"] for each in site("plan")["resources"] if each["change"] != "keep"}
    assert "aws_s3_object.platform" in changed
    site("deploy")
    assert site.drifted() == set()
    kept = site("destroy", "--yes", "aws")["kept"]
    assert any(each.startswith("aws_s3_bucket.") for each in kept)
    assert {"aws_lambda_function", "aws_iam_role"} & set(site.state()) == set()
    goes(site)
