"""What stands in the way of a deployment: every problem at once, before anything is written or called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from asterism.declare.storing import NOWHERE
from asterism.deploy.aws.schedule import expressions
from asterism.deploy.aws.table import positions_name
from asterism.deploy.graph import Clock, Graph
from asterism.errors import Problem
from asterism.project.load import Project
from asterism.project.variables import SEALED

SCHEMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "aws": {
        "warehouse": ("postgresql", "postgres", "redshift", "secret"),
        "lake": ("s3",),
        "log": ("kinesis",),
        "views": ("dynamodb",),
        "events": ("dynamodb",),
        "delivery": ("firehose",),
    },
    "gcp": {
        "warehouse": ("bigquery", "postgresql", "postgres", "secret"),
        "lake": ("gs",),
        "log": ("pubsub",),
        "views": ("bigtable",),
        "events": ("bigtable",),
        "delivery": (),
    },
}
"""What a stage's places may be, by cloud; `secret` is a place of which only the name of a secret is known."""
SHAPES: Mapping[str, tuple[str, str, tuple[str, ...] | None]] = {
    "s3": (r"[^/]+(/.*)?", "s3://bucket/folder", None),
    "gs": (r"[^/]+(/.*)?", "gs://bucket/folder", None),
    "kinesis": (r"[\w.-]*/?", "kinesis://prefix?positions=table", ("region", "endpoint", "positions", "shards")),
    "dynamodb": (r"[\w.-]{3,255}/?", "dynamodb://table", ("region", "endpoint")),
    "firehose": (r"[\w.-]*/?", "firehose://prefix", ("region", "endpoint")),
    "pubsub": (r"[^/]+/[^/]+", "pubsub://project/topic", ()),
    "bigtable": (r"[^/]+/[^/]+/[^/]+", "bigtable://project/instance/table", ()),
    "bigquery": (r"[^/]+/\w+", "bigquery://project/dataset", ()),
}
"""Of a scheme: how the path looks, the whole as people write it, and the options that may follow (None: any)."""
LONGEST = {"aws": 30, "gcp": 24}
"""Characters of a deployment's name: what is put behind it has room then."""
MEMORY = {"aws": (128, 10_240), "gcp": (128, 32_768)}
TIMEOUT = {"aws": 900, "gcp": 540, "cloud-run": 3600}
"""Of the cloud's functions, and of services that stand in their place."""
ARCHITECTURES = ("x86_64", "arm64")
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""What CloudWatch offers."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9][a-z0-9._-]*)+(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?")
_PASSWORD = re.compile(r"[a-z+]+://[^/@\s:]*:(?P<password>[^/@\s]+)@")
_TELLING = re.compile(r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY)($|_)", re.IGNORECASE)


def validate(project: Project, graph: Graph) -> list[Problem]:
    """Every problem, in the order of file and line."""
    found = [problem for check in CHECKS for problem in check(project, graph)]
    return sorted(set(found), key=lambda problem: _order(problem.where))


def _places(project: Project, graph: Graph) -> Iterator[Problem]:
    """Places that functions of this cloud do not reach: a file on this machine, the other cloud's log."""
    stage, cloud = project.stage, graph.target.cloud
    needed = {"warehouse": stage.warehouse, "lake": stage.lake}
    if graph.logs:
        needed["log"] = stage.log
    if project.platform.views:
        needed["views"] = stage.views
    if project.platform.storings:
        needed["events"] = stage.events
    if stage.delivery or (cloud == "aws" and any(stream.lake_only for stream in project.platform.streams)):
        needed["delivery"] = stage.delivery
    for setting, uri in needed.items():
        known = SCHEMES[cloud][setting]
        scheme = urlsplit(uri).scheme
        if scheme not in known:
            forms = ", ".join(f"{each}://…" for each in known if each != "secret")
            fact = f"{setting} is {scheme or 'no URI'}:, which functions at {cloud} do not reach"
            forms = f"Write {forms}." if forms else f"Leave {setting} out."
            if setting == "events":
                forms = f'{forms} Or store none on this stage: events = "{NOWHERE}".'.strip()
            yield Problem(graph.place(setting), fact, forms)
        elif scheme in SHAPES:
            yield from _shape(graph.place(setting), uri, scheme)
    waiting = [view.name for view in project.platform.views if view.after is not None]
    if waiting and urlsplit(stage.log).scheme == "kinesis" and not positions_name(stage.log):
        fact = f"the view {waiting[0]} waits for its table, and the log keeps no positions to wait by"
        yield Problem(graph.place("log"), fact, 'Write log = "kinesis://prefix?positions=table".')
    for pull in project.pulls:
        scheme = urlsplit(pull.source.url).scheme
        if scheme in {"file", "embedded", "duckdb"}:
            place = next(
                (s.place for f in graph.functions for s in f.starts if isinstance(s, Clock) and s.name == pull.into),
                "platform.py",
            )
            fact = f"the source {pull.into} is {scheme}:, on this machine, and functions do not reach it"
            yield Problem(place, fact, "Give the stage's variables another address.")


def _shape(place: str, uri: str, scheme: str) -> Iterator[Problem]:
    """What is wrong with a URI of a known scheme."""
    path, _, query = uri.partition("://")[2].partition("?")
    pattern, shape, known = SHAPES[scheme]
    if not re.fullmatch(pattern, unquote(path)):
        yield Problem(place, f"{scheme}://{path} is not {shape}", f"Write {shape}.")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options.keys() - (options.keys() if known is None else known):
        remedy = f"It has {', '.join(known)}." if known else "Leave it out."
        yield Problem(place, f"{scheme} has no option {name!r}", remedy)
    if not options.get("shards", "1").isdecimal():
        yield Problem(place, f"shards is {options['shards']!r}, which is no number", "Write shards=2, say.")


def _names(_project: Project, graph: Graph) -> Iterator[Problem]:
    target = graph.target
    if not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", target.name):
        fact = f"{target.name!r} cannot begin the names of a deployment"
        yield Problem(graph.place("name"), fact, "Use lower-case letters, digits and -, a letter first.")
    elif len(target.name) > LONGEST[target.cloud]:
        fact = f"the name {target.name!r} has {len(target.name)} characters, and {LONGEST[target.cloud]} is the limit"
        yield Problem(graph.place("name"), fact, 'Add a shorter name = "…" to the deployment.')
    buckets = {"artifacts": target.artifacts, "lake": urlsplit(graph.stores.lake).netloc}
    for setting, bucket in buckets.items():
        if bucket and not _BUCKET.fullmatch(bucket):
            remedy = "Use 3 to 63 lower-case letters, digits and -."
            yield Problem(graph.place(setting), f"{bucket!r} cannot be the name of a bucket", remedy)
    for function in graph.functions:
        longest = max(LONGEST[target.cloud] + 30, 54)
        if len(f"{target.name}-{function.name}") > longest:
            fact = f"{function.name} gives a name of more than {longest} characters"
            yield Problem(function.place, fact, "Shorten it, or the deployment's name.")


def _sizes(_project: Project, graph: Graph) -> Iterator[Problem]:
    target = graph.target
    least, most = MEMORY[target.cloud]
    limits = {
        "memory": (target.memory, least, most, "MB"),
        "timeout": (target.timeout, 1, TIMEOUT.get(target.service, TIMEOUT[target.cloud]), "seconds"),
        "concurrency": (target.concurrency, 1, 1000, "at once"),
        "shards": (target.shards, 1, 200, "shards"),
        "nodes": (target.nodes, 1, 30, "nodes"),
    }
    for setting, (value, low, high, unit) in limits.items():
        if not low <= value <= high:
            fact = f"{setting} is {value}, and {target.cloud} takes {low} to {high} {unit}"
            yield Problem(graph.place(setting), fact, "Write another number.")
    if target.cloud == "aws" and target.log_days not in LOG_DAYS:
        yield Problem(
            graph.place("log_days"),
            f"CloudWatch keeps logs for no {target.log_days} days",
            f"Write one of {', '.join(map(str, LOG_DAYS[:12]))} …",
        )
    if target.architecture not in ARCHITECTURES:
        yield Problem(graph.place("architecture"), f"{target.architecture!r} is none", "Write x86_64 or arm64.")


def _target(_project: Project, graph: Graph) -> Iterator[Problem]:
    target = graph.target
    if not re.fullmatch(r"[a-z]+(-[a-z]+)+-?\d+", target.region):
        yield Problem(graph.place("region"), f"{target.region!r} is no region", "Write eu-west-2 or europe-west2, say.")
    if target.cloud == "gcp" and not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", target.project):
        fact = f"{target.project!r} is no project of GCP" if target.project else "the deployment names no project"
        yield Problem(graph.place("project"), fact, 'Add project = "…", the project\'s id.')
    for address in target.alarms:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
            yield Problem(graph.place("alarms"), f"{address!r} is no e-mail address", "Write name@example.com.")
    if target.backend and urlsplit(target.backend).scheme not in {"s3", "gs"}:
        yield Problem(
            graph.place("backend"), f"Terraform's state cannot be kept at {target.backend}", "Write s3:// or gs://."
        )
    elif urlsplit(target.backend).scheme == "s3" and not urlsplit(target.backend).path.strip("/"):
        yield Problem(graph.place("backend"), "the backend names a bucket and no key", "Write s3://bucket/key.")
    if bool(target.subnets) != bool(target.security_groups):
        yield Problem(graph.place("subnets"), "subnets and security_groups go together", "Give both, or neither.")
    if target.database and not target.subnets:
        fact = "a server for the warehouse needs a network that functions reach it in"
        yield Problem(graph.place("database"), fact, "Add subnets and security_groups.")
    known = {log.name for log in graph.logs}
    for name in target.backup:
        if name not in known:
            remedy = f"Streams are {', '.join(sorted(known))}." if known else "The platform has no stream."
            yield Problem(graph.place("backup"), f"there is no stream {name!r} to be backed up", remedy)
        elif any(log.name == name and log.delivered for log in graph.logs):
            yield Problem(graph.place("backup"), f"the stream {name} goes to the lake anyway", "Leave it out.")


def _service(_project: Project, graph: Graph) -> Iterator[Problem]:
    target = graph.target
    if target.service == "cloud-run" and target.cloud != "gcp":
        fact = f"{target.cloud} has no {target.service}"
        yield Problem(graph.place("service"), fact, "Leave service out, or deploy to gcp.")
    elif target.service == "cloud-run" and not _IMAGE.fullmatch(target.image):
        fact = f"{target.image!r} is no image" if target.image else "services of Cloud Run are made from an image"
        remedy = 'Add image = "REGION-docker.pkg.dev/PROJECT/REPOSITORY/NAME"; docs/gcp.md tells how it is built.'
        yield Problem(graph.place("image" if target.image else "service"), fact, remedy)
    elif target.image and target.service != "cloud-run":
        fact = "functions are made from a package, and from no image"
        yield Problem(graph.place("image"), fact, 'Add service = "cloud-run", or leave image out.')


def _secrets(_project: Project, graph: Graph) -> Iterator[Problem]:
    """What the files of a deployment would show: they are written down, and kept in its state."""
    texts = {name: getattr(graph.stores, name) for name in ("warehouse", "lake", "log", "views", "events", "delivery")}
    for setting, uri in texts.items():
        match = _PASSWORD.match(uri)
        if match and not match["password"].startswith(SEALED):
            yield Problem(graph.place(setting), f"{setting} holds a password", "Write ${secret:NAME} in its place.")
    for name, value in graph.variables:
        match = _PASSWORD.match(value)
        if (match and not match["password"].startswith(SEALED)) or (value and _TELLING.search(name)):
            fact = f"the variable {name} looks like a secret, and a function's variables are no place for one"
            yield Problem(graph.place(""), fact, f"Write ${{secret:{name}}} where it is used.")


def _clocks(_project: Project, graph: Graph) -> Iterator[Problem]:
    if graph.target.cloud != "aws":
        return
    for function in graph.functions:
        for start in function.starts:
            if isinstance(start, Clock):
                try:
                    expressions(start)
                except ValueError as error:
                    yield Problem(start.place, str(error), "Write it with minute, hour, day, month, day of the week.")


CHECKS: tuple[Callable[[Project, Graph], Iterator[Problem]], ...] = (
    _places, _names, _sizes, _target, _service, _secrets, _clocks,
)  # fmt: skip


def _order(where: str) -> tuple[str, int]:
    file, _, line = where.partition(":")
    return file, int(line) if line.isdigit() else 0
