"""compose.yaml, as far as it can be tried without Docker."""

import re
from pathlib import Path

import yaml

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]


def test_every_image_has_a_version():
    assert {"minio", "postgres", "metabase"} <= SERVICES.keys()
    for name, each in SERVICES.items():
        assert re.fullmatch(r"[a-z/]+:[A-Za-z0-9.-]+", each["image"]), name
        assert not each["image"].endswith("latest"), name


def test_nothing_can_be_reached_from_outside_the_machine():
    for name, each in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in each.get("ports", ())), name


def test_passwords_come_from_the_environment_and_have_no_default():
    for name, each in SERVICES.items():
        for variable, value in each.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), name
