"""The one place where a URI's scheme, or a declaration, becomes an adapter.

Adapters are imported inside the functions that need them: DuckDB, ADBC and obstore take longer to import than
`asterism --help` may take to answer, and a stage needs only some of them.

An adapter from outside registers an entry point of the group `asterism.adapters`, named `engine.SCHEME`,
`lake.SCHEME`, `log.SCHEME`, `delivery.SCHEME`, `state.SCHEME`, `events.SCHEME`, `catalogue.SCHEME`, `mailer.SCHEME`,
`secrets.SCHEME` or `source.SCHEME`: a callable of the URI, or for a source of (declaration, url, name), which answers
the port's object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from zlib import crc32

from asterism.declare.publish import Publication
from asterism.declare.simulator import Simulator
from asterism.declare.source import Amplitude, Files, Pull
from asterism.declare.stage import Stage
from asterism.errors import UsageError
from asterism.outside import foreign, needing, outside
from asterism.ports.alerts import Alerts
from asterism.ports.catalogue import Catalogue, Register
from asterism.ports.delivery import Delivery
from asterism.ports.engine import Engine
from asterism.ports.events import Events
from asterism.ports.lake import Lake
from asterism.ports.lines import Lines
from asterism.ports.log import Log
from asterism.ports.mailer import Mailer
from asterism.ports.parquet import Parquet
from asterism.ports.player import Player
from asterism.ports.secrets import Secrets
from asterism.ports.sheets import Sheets
from asterism.ports.source import Source
from asterism.ports.state import State
from asterism.project.load import Project

POSTGRES_SCHEMES = ("postgresql", "postgres")


class Wiring:
    """Makes the adapters of one stage, and lets go of all of them at once. Used by one thread.

    What it makes is used by one thread as well, but for `log`, `states` and `events`.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._stack = ExitStack()
        self._lasting = ExitStack()
        self._log: Log | None = None
        self._states: State | None = None
        self._events: Events | None = None
        self._servers: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._lasting.close()

    def close(self) -> None:
        """Close what was made, the last first; an embedded server stops when its last user leaves. May be repeated.

        Log and states, which other threads may be using, stay open until the end of the context.
        """
        self._servers.clear()
        self._stack.close()

    def stands(self) -> bool:
        """Whether there is a warehouse already: False for a local one that opening would make."""
        scheme = urlsplit(self.stage.warehouse).scheme
        if scheme not in {"duckdb", "embedded"}:
            return True
        return duckdb_file(self.stage.warehouse) is not None and _path(self.stage.warehouse).exists()

    def engine(self) -> Engine:
        """A connection to the warehouse. Raises EngineError, LockedError, and UsageError for an unknown scheme."""
        uri = self.stage.warehouse
        scheme = urlsplit(uri).scheme
        made: Engine
        if scheme == "duckdb":
            from asterism.adapters.duckdb.engine import DuckDBEngine

            made = DuckDBEngine(duckdb_file(uri))
        elif scheme in {*POSTGRES_SCHEMES, "embedded"}:
            from asterism.adapters.postgres.engine import PostgresEngine

            made = PostgresEngine(self._postgres(uri))
        elif scheme == "bigquery":
            with needing(f"the warehouse of stage {self.stage.name}"):
                from asterism.adapters.gcp.bigquery.engine import BigQueryEngine

            made = BigQueryEngine(uri)
        elif scheme == "redshift":
            from asterism.adapters.postgres.redshift import Landing, RedshiftEngine

            made = RedshiftEngine(uri, Landing(self.lake(), self.stage.lake, self.parquet()))
        else:
            made = foreign(self.stage, "warehouse")(uri)
        self._stack.callback(made.close)
        return made

    def lake(self) -> Lake:
        """The lake. Raises LakeError, and UsageError for an unknown scheme."""
        from asterism.adapters.obstore.lake import SCHEMES, ObstoreLake

        uri = self.stage.lake
        lake: Lake = ObstoreLake(uri) if urlsplit(uri).scheme in SCHEMES else foreign(self.stage, "lake")(uri)
        return lake

    def parquet(self) -> Parquet:
        """The reader and writer of the lake's files."""
        from asterism.adapters.duckdb.parquet import DuckDBParquet

        return DuckDBParquet()

    def sheets(self) -> Sheets:
        """The writer of answers."""
        from asterism.adapters.duckdb.sheets import DuckDBSheets

        return DuckDBSheets()

    def lines(self) -> Lines:
        """The reader of JSON lines."""
        from asterism.adapters.duckdb.lines import DuckDBLines

        return DuckDBLines()

    def log(self) -> Log:
        """The log of the streams, one for all. Raises LogError, and UsageError for an unknown scheme."""
        if self._log is not None:
            return self._log
        uri = self.stage.log
        scheme = urlsplit(uri).scheme
        made: Log
        if scheme == "sqlite":
            from asterism.adapters.sqlite.log import SqliteLog

            made = SqliteLog(_path(uri))
        elif scheme == "kinesis":
            with needing(f"the log of stage {self.stage.name}"):
                from asterism.adapters.aws.log import KinesisLog

            made = KinesisLog(uri)
        elif scheme == "pubsub":
            with needing(f"the log of stage {self.stage.name}"):
                from asterism.adapters.gcp.log import PubSubLog

            made = PubSubLog(uri)
        else:
            made = foreign(self.stage, "log")(uri)
        self._lasting.callback(made.close)
        self._log = self._delivering(made) if self.stage.delivery else made
        return self._log

    def _delivering(self, log: Log) -> Log:
        """The same, but for the streams that the stage has delivered to the lake."""
        from asterism.run.delivery import DeliveringLog

        uri, subject = self.stage.delivery, f"the delivery of stage {self.stage.name}"
        if urlsplit(uri).scheme == "firehose":
            with needing(subject):
                from asterism.adapters.aws.firehose import FirehoseDelivery

            made: Delivery = FirehoseDelivery(uri)
        else:
            made = foreign(self.stage, "delivery")(uri)
        return DeliveringLog(log, made, lambda: self.stage.delivered)

    def states(self) -> State:
        """The states of the live views, one for all. Raises StateError, and UsageError for an unknown scheme."""
        if self._states is not None:
            return self._states
        uri = self.stage.views
        scheme = urlsplit(uri).scheme
        made: State
        subject = f"the views of stage {self.stage.name}"
        if scheme == "sqlite":
            from asterism.adapters.sqlite.state import SqliteState

            made = SqliteState(_path(uri))
        elif scheme == "dynamodb":
            with needing(subject):
                from asterism.adapters.aws.state import DynamoState

            made = DynamoState(uri)
        elif scheme == "bigtable":
            with needing(subject):
                from asterism.adapters.gcp.state import BigtableState

            made = BigtableState(uri)
        else:
            made = foreign(self.stage, "views")(uri)
        self._lasting.callback(made.close)
        self._states = made
        return made

    def events(self, project: Project) -> Events | None:
        """The event store, one for all; None where this stage stores no events. Raises StateError, UsageError."""
        if not project.platform.storings or self._events is not None:
            return self._events
        uri, subject = self.stage.events, f"the events of stage {self.stage.name}"
        scheme = urlsplit(uri).scheme
        made: Events
        if scheme == "sqlite":
            from asterism.adapters.sqlite.events import SqliteEvents

            made = SqliteEvents(_path(uri))
        elif scheme == "dynamodb":
            with needing(subject):
                from asterism.adapters.aws.events import DynamoEvents

            made = DynamoEvents(uri)
        elif scheme == "bigtable":
            with needing(subject):
                from asterism.adapters.gcp.events import BigtableEvents

            made = BigtableEvents(uri, project.families)
        else:
            made = foreign(self.stage, "events")(uri)
        self._lasting.callback(made.close)
        self._events = made
        return made

    def forget(self) -> None:
        """Delete the files of log, states and events, where they are such, and nobody has them open here."""
        for uri in (self.stage.log, self.stage.views, self.stage.events):
            if urlsplit(uri).scheme == "sqlite":
                for suffix in ("", "-wal", "-shm"):
                    path = _path(uri)
                    path.with_name(path.name + suffix).unlink(missing_ok=True)

    def source(self, pull: Pull) -> Source:
        """A connection to what `pull` pulls from. Raises SourceError, and UsageError for an unknown scheme."""
        url = pull.source.url
        scheme = urlsplit(url).scheme
        made: Source
        if isinstance(pull.source, Amplitude):
            from asterism.adapters.amplitude.source import AmplitudeSource

            made = AmplitudeSource(pull.source, pull.into, self.lake(), self.lines(), self._aside(pull.into))
        elif isinstance(pull.source, Files):
            made = self._files(pull.source, pull.into, pull.every)
        elif scheme in {*POSTGRES_SCHEMES, "embedded"}:
            from asterism.adapters.postgres.source import PostgresSource

            made = PostgresSource(pull.source, self._postgres(url), pull.into)
        else:
            known = ("postgresql", "embedded")
            made = outside("source", scheme, f"the source {pull.into}", known)(pull.source, url, pull.into)
        self._stack.callback(made.close)
        return made

    def catalogue(self) -> Catalogue:
        """Where the lake's tables are asked: here, unless the stage names another. Raises UsageError, LakeError."""
        uri, subject = self.stage.catalogue, f"the catalogue of stage {self.stage.name}"
        if not uri:
            from asterism.adapters.duckdb.catalogue import DuckDBCatalogue

            return DuckDBCatalogue(self.lake())
        if urlsplit(uri).scheme == "athena":
            with needing(subject):
                from asterism.adapters.aws.athena import AthenaCatalogue

            return AthenaCatalogue(uri)
        made: Catalogue = foreign(self.stage, "catalogue")(uri)
        return made

    def register(self) -> Register | None:
        """Who is told of tables that sources land; None where nobody needs to be. Raises UsageError."""
        if urlsplit(self.stage.catalogue).scheme != "athena":
            return None
        with needing(f"the catalogue of stage {self.stage.name}"):
            from asterism.adapters.aws.glue import GlueRegister

        return GlueRegister(self.stage.catalogue, self.stage.lake)

    def mailer(self) -> Mailer:
        """The mail server. Raises UsageError for an unknown scheme."""
        from asterism.adapters.smtp.mailer import SCHEMES, SmtpMailer

        uri = self.stage.mail
        mailer: Mailer = SmtpMailer(uri) if urlsplit(uri).scheme in SCHEMES else foreign(self.stage, "mail")(uri)
        return mailer

    def alerts(self, address: str) -> Alerts:
        """Who is alerted at an address of the stage. Raises UsageError for one that says nothing to anybody."""
        if urlsplit(address).scheme == "awssns":
            with needing(f"the alerts of stage {self.stage.name}"):
                from asterism.adapters.aws.alerts import SnsAlerts

            return SnsAlerts(address)
        from asterism.adapters.apprise.alerts import AppriseAlerts

        return AppriseAlerts(address)

    def player(self, simulator: Simulator) -> Player:
        """A connection that writes what a simulator makes up into its source's database. Raises SourceError."""
        from asterism.adapters.postgres.player import PostgresPlayer

        made = PostgresPlayer(self._postgres(simulator.source.url), f"the database of simulator {simulator.name}")
        self._stack.callback(made.close)
        return made

    def target(self, publication: Publication) -> Engine:
        """A connection to where a publication goes. Raises EngineError, LockedError, UsageError for another scheme."""
        refuse_strange(publication)
        from asterism.adapters.postgres.engine import PostgresEngine
        from asterism.adapters.postgres.session import patient

        made = PostgresEngine(patient(self._postgres(publication.url)))
        self._stack.callback(made.close)
        return made

    def _files(self, declared: Files, into: str, relist: timedelta) -> Source:
        from asterism.adapters.files.source import FilesSource
        from asterism.adapters.files.store import SCHEMES

        scheme = urlsplit(declared.url).scheme
        if scheme in SCHEMES:
            tools = (self.lake(), self.lines(), self.parquet(), self._aside(into))
            return FilesSource(declared, into, *tools, relist=relist)
        made: Source = outside("source", scheme, f"the source {into}", SCHEMES)(declared, declared.url, into)
        return made

    def _aside(self, source: str) -> Callable[[Iterable[Any]], None]:
        """Puts lines of a source that cannot be read into quarantine: once, however often they are met."""

        def set_aside(lines: Iterable[Any]) -> None:
            from asterism.run import quarantine

            items = []
            for each in lines:
                place = f"{each.member}, line {each.line}"
                same = f"{source}/{place}/{crc32(each.body):08x}"
                items.append(quarantine.Refused(source, place, each.reason, each.body, id=same))
            quarantine.set_aside(self.log(), items)

        return set_aside

    def _postgres(self, url: str) -> str:
        """A URL that a client of PostgreSQL understands; an `embedded:` server runs from here on."""
        if urlsplit(url).scheme != "embedded":
            return url
        if url not in self._servers:
            from asterism.adapters.postgres.embedded import embedded

            server = embedded(_path(url))
            self._stack.callback(server.close)
            self._servers[url] = server.url
        return self._servers[url]


def vault(uri: str) -> Secrets:
    """A store of secrets. Raises UsageError for an unknown scheme."""
    scheme = urlsplit(uri).scheme
    if scheme == "awssecrets":
        with needing(f"the store of secrets {uri}"):
            from asterism.adapters.aws.secrets import SecretsManager

        return SecretsManager(uri)
    if scheme == "gcpsecrets":
        with needing(f"the store of secrets {uri}"):
            from asterism.adapters.gcp.secrets import SecretManager

        return SecretManager(uri)
    known = ("awssecrets", "gcpsecrets")
    made: Secrets = outside("secrets", scheme, f"the store of secrets {uri}", known)(uri)
    return made


def refuse_strange(publication: Publication) -> None:
    """Raise UsageError where nothing can be published to a publication's URL."""
    scheme = urlsplit(publication.url).scheme
    if scheme not in {*POSTGRES_SCHEMES, "embedded"}:
        fact = f"nothing can be published to {scheme + ':' if scheme else 'a URL without a scheme'}"
        raise UsageError(f"publication {publication.name}", fact, "Give postgresql://… or embedded:///folder.")


def duckdb_file(uri: str) -> Path | None:
    """The file of a `duckdb:` URI, None for `duckdb:///:memory:`."""
    return None if uri.endswith("/:memory:") else _path(uri)


def _path(uri: str) -> Path:
    return Path(uri.partition("://")[2].replace("//", "/", 1))
