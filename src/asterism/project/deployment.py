"""`[stage.deploy]` of `asterism.toml`: which cloud, where in it, how large."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asterism.declare.deployment import Deployment
from asterism.project.setting import Setting

DEPLOY_SETTINGS = (
    Setting("cloud", str, None, "`aws` or `gcp`."),
    Setting("region", str, None, "The region of everything that has one."),
    Setting("project", str, "", "At GCP: the project. At AWS the credentials say which account it is."),
    Setting("name", str, "<platform>-<stage>", "What the names of everything deployed begin with."),
    Setting("artifacts", str, "<name>-artifacts", "The bucket of the packages; bucket names are one space for all."),
    Setting("memory", int, 1024, "MB of a function."),
    Setting("timeout", int, 300, "Seconds of a function, at most."),
    Setting("concurrency", int, 10, "How many of a function run at once; the writer of the warehouse is always one."),
    Setting("shards", int, 1, "Shards of a stream at AWS."),
    Setting("architecture", str, "x86_64", "At AWS: `x86_64` or `arm64`."),
    Setting("alarms", list, [], "E-mail addresses that the cloud's own alarms go to."),
    Setting("log_days", int, 30, "Days for which the functions' logs are kept."),
    Setting(
        "backend", str, "", "Where Terraform keeps its state: `s3://bucket/key`, `gs://bucket/prefix`; else beside it."
    ),
    Setting("backend_region", str, "", "The region of an S3 backend, where it is another."),
    Setting("database", str, "", "At AWS: the class of a PostgreSQL server to be made, `db.t4g.micro`; else none is."),
    Setting("subnets", list, [], "At AWS: subnets for functions that reach into a network, and for that server."),
    Setting("security_groups", list, [], "At AWS: their security groups."),
    Setting("backup", list, [], "Streams that the cloud's own delivery writes to the lake besides, as they came."),
    Setting("nodes", int, 1, "At GCP: nodes of the Bigtable cluster."),
    Setting("service", str, "functions", "At GCP: `functions`, or `cloud-run` for services of Cloud Run."),
    Setting("image", str, "", "Of a service: its image's name; without a tag it has that of the package's hash."),
)
"""The keys of the table. The same names as the fields of Deployment."""

CLOUDS = ("aws", "gcp")
SERVICES = ("functions", "cloud-run")

Resolve = Callable[[str, str], str | None]
"""Of a key and its text: the text without references, None where that was reported."""
Report = Callable[[str, str, str], None]
"""Of a key, the fact and the remedy."""


def deployment(section: Mapping[str, Any], resolve: Resolve, report: Report) -> Deployment | None:
    """The table as a declaration. None where it does not say which cloud; what is wrong is reported."""
    texts: dict[str, Any] = {}
    for setting in DEPLOY_SETTINGS:
        value = section.get(setting.name)
        if setting.default is None and value is None:
            report(setting.name, f"the deployment does not say its {setting.name}", f'Add {setting.name} = "…".')
        elif isinstance(value, str) and setting.type is str:
            texts[setting.name] = resolve(setting.name, value) or ""
        elif isinstance(value, list) and setting.type is list:
            parts = [part for each in value for part in (resolve(setting.name, str(each)) or "").split(",")]
            texts[setting.name] = tuple(part.strip() for part in parts if part.strip())
        elif isinstance(value, int) and not isinstance(value, bool) and setting.type is int:
            texts[setting.name] = value
    if texts.get("service", SERVICES[0]) not in SERVICES:
        report("service", f"{texts['service']!r} is no service that is known", "Write functions or cloud-run.")
        return None
    if texts.get("cloud") not in CLOUDS:
        if "cloud" in texts:
            report("cloud", f"{texts['cloud']!r} is no cloud that is known", "Write aws or gcp.")
        return None
    return Deployment(**{"region": "", "name": ""} | texts)
