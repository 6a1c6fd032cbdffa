"""`asterism.toml`: where a platform lives, one section a stage."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from asterism.declare.deployment import Deployment
from asterism.declare.duration import duration
from asterism.declare.stage import Stage
from asterism.declare.storing import NOWHERE
from asterism.errors import Problem, UsageError
from asterism.ports.secrets import Secrets
from asterism.project.deployment import DEPLOY_SETTINGS, deployment
from asterism.project.nearest import suggestion
from asterism.project.setting import Setting
from asterism.project.variables import UnresolvedError, Variables

FILE = "asterism.toml"
SECRETS = "ASTERISM_SECRETS"
"""The variable that says where secrets are, for stages that do not."""
Vault = Callable[[str], Secrets]


PLATFORM_SETTINGS = (Setting("default_stage", str, "dev", "The stage that commands work on without `--stage`."),)
STAGE_SETTINGS = (
    Setting(
        "warehouse",
        str,
        None,
        "The engine: `duckdb:///file` (relative to the project; four slashes: absolute), `postgresql://…`, "
        "`embedded:///folder`, a PostgreSQL of its own kept in that folder, `bigquery://project/dataset`, or "
        "`redshift://user:password@host:5439/database?role=ARN`.",
    ),
    Setting(
        "lake",
        str,
        None,
        "Where batches are landed: a path relative to the project, `file:///absolute`, `s3://bucket/prefix`, "
        "`gs://bucket/prefix`.",
    ),
    Setting("state", str, ".asterism/<stage>", "A local folder for locks and sockets."),
    Setting(
        "secrets",
        str,
        ".asterism/secrets",
        "Where `${secret:NAME}` is looked up: a folder with one file a secret, "
        "`awssecrets://prefix?region=…`, `gcpsecrets://project/prefix`. If it "
        "is not given, the environment may say it: `ASTERISM_SECRETS`.",
    ),
    Setting("production", bool, False, "Refuses `simulate` and `reset`."),  # noqa: FBT003 - a value
    Setting("schedules", bool, True, "Whether `run` pulls by the clock."),  # noqa: FBT003 - a value
    Setting("processed", bool, True, "Whether each model's changes are written to the lake as well."),  # noqa: FBT003
    Setting("simulators", bool, True, "Whether made-up traffic is allowed; never in production."),  # noqa: FBT003
    Setting(
        "log",
        str,
        "sqlite:///<state>/log.db",
        "The log of the streams: `sqlite:///file`, `pubsub://project/topic`, "
        "`kinesis://prefix?region=…&positions=table`.",
    ),
    Setting(
        "delivery",
        str,
        "",
        "What takes streams with `lake_only` to the lake: `firehose://prefix?region=…`; "
        "empty: the log, and the warehouse's writer.",
    ),
    Setting(
        "views",
        str,
        "sqlite:///<state>/views.db",
        "The states of the live views: `sqlite:///file`, `dynamodb://table?region=…`, "
        "`bigtable://project/instance/table`.",
    ),
    Setting(
        "events",
        str,
        "sqlite:///<state>/events.db",
        "The event store, for streams that are stored: `sqlite:///file`, `dynamodb://table?region=…`, "
        "`bigtable://project/instance/table`; `none` "
        "stores nothing on this stage.",
    ),
    Setting(
        "catalogue",
        str,
        "",
        "Where `query --on lake` asks the lake's tables: `athena://database?workgroup=…&output=s3://…&region=…`; "
        "empty: it reads their objects itself.",
    ),
    Setting("mail", str, "", "The mail server: `smtp://user:password@host:port`, `smtps://…`; empty: mails are shown."),
    Setting("sender", str, "", "The address that mails come from."),
    Setting("cors", list, [], "Origins whose pages may call the HTTP server; `*` is any."),
    Setting("body_limit", int, 10_000_000, "Bytes of a request's body, unpacked.", least=1),
    Setting("rate_limit", int, 0, "Requests a second of one client (a token, else an address); 0: no limit."),
    Setting("row_limit", int, 10_000, "Rows of one answer over HTTP, at most.", least=1),
    Setting("query_timeout", int, 30, "Seconds that one question over HTTP may take, at most.", least=1),
    Setting(
        "alerts",
        list,
        [],
        "Who is told when a step fails, an objective is missed, the quarantine grows or a disk fills, and when that is "
        "over: addresses of Apprise, like `mailto://user:password@host?to=…` or `slack://…`; "
        "`awssns://TOPIC` is a topic of SNS, by its ARN.",
    ),
    Setting("freshness", str, "", "How old a model's data may be, `30m` say; wins over the platform's, not a model's."),
    Setting("disk_limit", int, 95, "Percent of a disk in use from which it counts as filling up; 100: never.", least=1),
    Setting("variables", dict, {}, "Values for `${NAME}`; the environment wins over them."),
    Setting("deploy", dict, {}, "Where the stage is deployed to, a table of its own: `[stage.deploy]`."),
)

_WANTED: dict[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    list: "a list of texts",
    dict: "a table of names and texts",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The chosen stage, and the variables with which the rest of the project is interpolated."""

    stage: Stage
    variables: Variables


def read(
    root: Path, chosen: str | None, environment: Mapping[str, str], *, sealed: bool = False, vault: Vault | None = None
) -> tuple[Settings | None, list[Problem]]:
    """Read `asterism.toml` of `root` for the stage `chosen`, or the default one. Only that stage is interpolated.

    With `sealed` no secret is read: `secret://NAME` stands in its place. `vault` opens a store of secrets by its URI.

    Answers None with at least one problem where there is no such stage to speak of.
    """
    file = root / FILE
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        remedy = "Go to a platform's folder or give --project DIR; `asterism new NAME` makes one."
        return None, [Problem(FILE, f"cannot be read in {root}: {error.strerror}", remedy)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        return None, [Problem(f"{FILE}:{line[1]}" if line else FILE, f"is not TOML: {error}", "Correct the syntax.")]
    reader = _Reader(root, document, _lines(text), sealed=sealed, vault=vault)
    reader.check_keys()
    name = reader.choose(chosen, environment)
    settings = reader.settings(name, environment) if name is not None else None
    return settings, reader.problems


def folder(given: Path | None, environment: Mapping[str, str]) -> Path:
    """The platform's folder: as given, else the nearest one, from here upwards, that holds an asterism.toml."""
    said = given or environment.get("ASTERISM_PROJECT")
    if said:
        return Path(said)
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / FILE).is_file()), here)


def lines_of(root: Path, stage: str) -> dict[str, str]:
    """Where each key of a stage and of its deployment stands, `file:line`; `""` is where the stage begins."""
    found = {"": FILE}
    for path, line in _lines((root / FILE).read_text(encoding="utf-8")).items():
        if path[0] == stage and (len(path) < 3 or path[1] == "deploy"):  # noqa: PLR2004 - a table in the stage's
            found["" if len(path) == 1 else path[-1]] = f"{FILE}:{line}"
    return found


def absolute(uri: str, root: Path) -> str:
    """A URI whose path, if it has a local one, is absolute: three slashes are relative to `root`, four are absolute.

    A plain path becomes a `file:` URI.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return (root / Path(uri).expanduser()).absolute().as_uri()
    if scheme in {"duckdb", "embedded", "sqlite"} and rest.startswith("/") and not rest.startswith(("//", "/:memory:")):
        return f"{scheme}:///{(root / rest[1:]).absolute()}"
    return uri


class _Reader:
    """Reads one document, collecting problems."""

    def __init__(
        self,
        root: Path,
        document: dict[str, Any],
        lines: dict[tuple[str, ...], int],
        *,
        sealed: bool,
        vault: Vault | None,
    ) -> None:
        self.root = root
        self.sealed, self.vault = sealed, vault
        self.document = document
        self.lines = lines
        self.stages = {name: value for name, value in document.items() if isinstance(value, dict)}
        self.problems: list[Problem] = []

    def report(self, path: tuple[str, ...], fact: str, remedy: str = "") -> None:
        while path and path not in self.lines:
            path = path[:-1]
        where = f"{FILE}:{self.lines[path]}" if path else FILE
        self.problems.append(Problem(where, fact, remedy))

    def check_keys(self) -> None:
        self._check((), {k: v for k, v in self.document.items() if k not in self.stages}, PLATFORM_SETTINGS)
        for name, section in self.stages.items():
            if re.fullmatch(r"[a-z][a-z0-9_-]*", name) is None:
                self.report((name,), f"{name!r} cannot name a stage", "Use lower-case letters, digits, - and _.")
            self._check((name,), section, STAGE_SETTINGS)
            if isinstance(section.get("deploy"), dict):
                self._check((name, "deploy"), section["deploy"], DEPLOY_SETTINGS)

    def _check(self, path: tuple[str, ...], section: dict[str, Any], known: tuple[Setting, ...]) -> None:
        types = {setting.name: setting.type for setting in known}
        least = {setting.name: setting.least for setting in known}
        for key, value in section.items():
            if key not in types:
                where = f"the stage {path[0]}" if path else "the platform"
                self.report((*path, key), f"{where} has no setting {key!r}", suggestion(key, types))
            elif not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is int):
                wanted = _WANTED[types[key]]
                self.report((*path, key), f"{key} must be {wanted}, and is {value!r}", f"Write {wanted}.")
            elif isinstance(value, int) and value < least[key]:
                self.report((*path, key), f"{key} is {value}, and must be at least {least[key]}", "Write a larger one.")
        for key, value in section.get("variables", {}).items() if isinstance(section.get("variables"), dict) else ():
            if not isinstance(value, str):
                fact = f"the variable {key} must be a text, and is {value!r}"
                self.report((*path, "variables", key), fact, "Put it into quotes.")

    def choose(self, chosen: str | None, environment: Mapping[str, str]) -> str | None:
        name = chosen or environment.get("ASTERISM_STAGE") or self.document.get("default_stage")
        if name is None:
            name = next(iter(self.stages)) if len(self.stages) == 1 else "dev"
        if name in self.stages:
            return str(name)
        if self.stages:
            self.report((), f"there is no stage {name!r}", suggestion(str(name), self.stages))
        else:
            self.report((), "no stage is declared", 'Add a section, like [dev], with warehouse = "…" and lake = "…".')
        return None

    def settings(self, name: str, environment: Mapping[str, str]) -> Settings | None:
        section = self.stages[name]
        declared = section.get("variables", {})
        declared = declared if isinstance(declared, dict) else {}
        declared = {key: value for key, value in declared.items() if isinstance(value, str)}
        plain = Variables(environment, declared, self.root / ".asterism" / "secrets", self.sealed)
        secrets = self._text(plain, name, "secrets") or environment.get(SECRETS, "")
        variables = replace(plain, secrets=self.root / secrets) if secrets else plain
        if "://" in secrets and not self.sealed:
            variables = replace(plain, vault=self._vault(name, secrets))
        texts = {key: self._text(variables, name, key) for key in _TEXTS}
        for key in ("warehouse", "lake"):
            if key not in section:
                remedy = {
                    "warehouse": 'Add warehouse = "duckdb:///.asterism/%s/warehouse.duckdb", say.',
                    "lake": 'Add lake = ".asterism/%s/lake", say.',
                }[key]
                self.report((name,), f"the stage {name} does not say where its {key} is", remedy % name)
        if texts["warehouse"] is not None and "://" not in texts["warehouse"]:
            fact = "warehouse must be a URI with a scheme"
            self.report((name, "warehouse"), fact, "Write duckdb:///…, postgresql://… or embedded:///….")
        state = (self.root / (texts["state"] or f".asterism/{name}")).absolute()
        stage = Stage(
            name,
            absolute(texts["warehouse"] or "", self.root),
            absolute(texts["lake"] or "", self.root),
            str(state),
            production=section.get("production", False) is True,
            schedules=section.get("schedules", True) is True,
            processed=section.get("processed", True) is True,
            simulators=section.get("simulators", True) is True,
            log=absolute(texts["log"] or f"sqlite:///{state}/log.db", self.root),
            delivery=texts["delivery"] or "",
            views=absolute(texts["views"] or f"sqlite:///{state}/views.db", self.root),
            events=self._events(texts["events"] or f"sqlite:///{state}/events.db"),
            catalogue=texts["catalogue"] or "",
            mail=texts["mail"] or "",
            sender=texts["sender"] or "",
            cors=tuple(str(each) for each in section.get("cors") or ()),
            body_limit=_whole(section, "body_limit", 10_000_000),
            rate_limit=_whole(section, "rate_limit", 0),
            row_limit=_whole(section, "row_limit", 10_000),
            query_timeout=_whole(section, "query_timeout", 30),
            alerts=self._texts(variables, name, "alerts"),
            freshness=self._duration(variables, name, "freshness"),
            disk_limit=_whole(section, "disk_limit", 95),
            deploy=self._deployment(variables, name),
        )
        return Settings(stage, variables)

    def _events(self, uri: str) -> str:
        return uri if uri == NOWHERE else absolute(uri, self.root)

    def _vault(self, stage: str, uri: str) -> Secrets | None:
        if self.vault is None:
            self.report((stage, "secrets"), f"{uri} is not read here", "Export the secrets, or name a folder.")
            return None
        try:
            return self.vault(uri)
        except UsageError as error:
            self.report((stage, "secrets"), f"{error.subject}: {error.fact}", error.remedy)
            return None

    def _text(self, variables: Variables, stage: str, key: str) -> str | None:
        value = self.stages[stage].get(key)
        return self._interpolated(variables, stage, key, value) if isinstance(value, str) else None

    def _deployment(self, variables: Variables, stage: str) -> Deployment | None:
        section = self.stages[stage].get("deploy")
        if not isinstance(section, dict) or not section:
            return None

        def resolve(key: str, value: str) -> str | None:
            return self._interpolated(variables, stage, key, value, "deploy")

        def report(key: str, fact: str, remedy: str) -> None:
            self.report((stage, "deploy", key), fact, remedy)

        return deployment(section, resolve, report)

    def _texts(self, variables: Variables, stage: str, key: str) -> tuple[str, ...]:
        """A list, each text of it interpolated; what a variable leaves empty is left out."""
        given = self.stages[stage].get(key)
        listed = given if isinstance(given, list) else []
        texts = [self._interpolated(variables, stage, key, str(each)) for each in listed]
        return tuple(text for text in texts if text)

    def _duration(self, variables: Variables, stage: str, key: str) -> timedelta | None:
        text = self._text(variables, stage, key)
        try:
            return duration(text) if text else None
        except ValueError as error:
            self.report((stage, key), f"{key}: {error}", "Write 30m or 2h, say.")
            return None

    def _interpolated(self, variables: Variables, stage: str, key: str, value: str, *table: str) -> str | None:
        try:
            return variables.interpolate(value)
        except UnresolvedError as error:
            # The reference may stand in the variable's own value rather than here.
            owner = next((k for k, v in variables.declared.items() if error.mark in v and k in value), None)
            self.report((stage, "variables", owner) if owner else (stage, *table, key), error.fact, error.remedy)
            return None


_TEXTS = ("warehouse", "lake", "state", "log", "delivery", "views", "events", "catalogue", "mail", "sender")


def _whole(section: Mapping[str, Any], key: str, default: int) -> int:
    value = section.get(key, default)
    return value if isinstance(value, int) else default


_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each key and table. tomllib keeps none, and for a message the plain forms are enough."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _path(match[1])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault((*table, *_path(match[1])), number)
    return found


def _path(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))
