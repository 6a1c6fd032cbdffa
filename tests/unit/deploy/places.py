"""Platforms to be deployed."""

from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("jupiter", "liberta", "occupancy", "totesys", "user_data")

PLATFORM = """\
from asterism import Platform, Record

platform = Platform("shop")


class Order(Record):
    number: int


orders = platform.stream("orders", Order)
"""

TOP = """\
warehouse = "${secret:WAREHOUSE_URL}"
lake = "s3://shop-aws-lake/lake"
log = "kinesis://shop-aws"
"""


def with_deploy(folder, stage="aws", top="", platform=PLATFORM, **settings):
    """A platform with one stream and a stage at AWS."""
    root = folder / "shop"
    root.mkdir()
    (root / "platform.py").write_text(platform)
    given = {"cloud": "aws", "region": "eu-west-2"} | settings
    lines = "\n".join(f"{name} = {_toml(value)}" for name, value in given.items())
    places = top or TOP
    (root / "asterism.toml").write_text(f"[{stage}]\n{places}\n\n[{stage}.deploy]\n{lines}\n")
    return root


def _toml(value):
    if isinstance(value, list):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
