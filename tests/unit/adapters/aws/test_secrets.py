"""`${secret:NAME}` of Secrets Manager: the same syntax, by a stage's setting or the environment."""

from __future__ import annotations

from uuid import uuid4

import boto3
import pytest

from asterism.project.settings import read
from asterism.wire import vault

TOML = """
[aws]
warehouse = "postgresql://shop:${secret:PASSWORD}@db/shop"
lake = "s3://shop"
SECRETS
"""


@pytest.fixture
def prefix(aws):
    prefix = f"shop-{uuid4().hex[:8]}"
    client = boto3.client("secretsmanager")
    client.create_secret(Name=f"{prefix}/PASSWORD", SecretString="open sesame")
    client.create_secret(Name=f"{prefix}/BYTES", SecretBinary=b"also")
    return prefix


def settings(folder, line, **environment):
    (folder / "asterism.toml").write_text(TOML.replace("SECRETS", line))
    return read(folder, "aws", environment, vault=vault)


def test_a_stage_names_its_store(tmp_path, prefix):
    found, problems = settings(tmp_path, f'secrets = "awssecrets://{prefix}?region=eu-west-2"')
    assert problems == []
    assert found.stage.warehouse == "postgresql://shop:open sesame@db/shop"


def test_the_environment_names_it_where_the_stage_does_not(tmp_path, prefix):
    found, _ = settings(tmp_path, "", ASTERISM_SECRETS=f"awssecrets://{prefix}")
    assert found.stage.warehouse == "postgresql://shop:open sesame@db/shop"
    found, _ = settings(tmp_path, "", ASTERISM_SECRETS=f"awssecrets://{prefix}", PASSWORD="mine")
    assert found.stage.warehouse == "postgresql://shop:mine@db/shop"


def test_what_is_not_there_says_where_it_belongs(tmp_path, prefix):
    (problem,) = settings(tmp_path, f'secrets = "awssecrets://{prefix}-other"')[1]
    assert problem.fact == "the secret PASSWORD is not set"
    assert problem.remedy.startswith(f"Put it into the secret {prefix}-other/PASSWORD of Secrets Manager")


def test_a_store_that_is_not_reached_is_told_as_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    (problem,) = settings(tmp_path, 'secrets = "awssecrets://x?region=eu-west-2&endpoint=http://127.0.0.1:9"')[1]
    assert "the secret PASSWORD cannot be read" in problem.fact
    (problem, *_) = settings(tmp_path, 'secrets = "vault://x"')[1]
    assert "no adapter is known for vault:" in problem.fact


def test_bytes_are_read_as_text(prefix):
    assert vault(f"awssecrets://{prefix}").get("BYTES") == "also"
    assert vault(f"awssecrets://{prefix}").get("NONE") is None
