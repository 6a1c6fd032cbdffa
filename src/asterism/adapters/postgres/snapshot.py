"""What one snapshot of a PostgreSQL is: its place in time, and the cluster it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from asterism.adapters.postgres.session import Session

SNAPSHOT = (Path(__file__).parent / "sql" / "snapshot.sql").read_text()
CHANGED = (Path(__file__).parent / "sql" / "changed.sql").read_text()

_IDENTITY = """
    (select system_identifier::text from pg_control_system()) as system,
    case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
         else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end as timeline,
"""
# Right after a promotion the control file still has the old timeline, so a primary asks the log instead.
_NO_IDENTITY = "'' as system, 0 as timeline,"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: every transaction below `xmin` had ended, none from `xmax` on had begun. 64 bits each."""

    xmin: int
    xmax: int
    polled_at: datetime
    """The server's clock, naive UTC."""
    system: str
    timeline: int
    database: int
    standby: bool

    def same_as(self, earlier: Snapshot) -> bool:
        """Whether nothing at all, DDL included, was written in between: no id was given out, none was in use."""
        return replace(self, polled_at=earlier.polled_at) == earlier and self.xmin == self.xmax


def take(session: Session) -> Snapshot:
    """Take the transaction's snapshot, and pin its settings. It must be the first question of the transaction."""
    sql = SNAPSHOT.replace("/* identity */", _IDENTITY if session.identifies else _NO_IDENTITY)
    row = session.described(sql)[0]
    return Snapshot(**{name: row[name] for name in Snapshot.__dataclass_fields__})


def changed(since: str, row: str = "t.xmin") -> str:
    """The condition that `row`, a transaction id, is one since the horizon that the setting asterism.`since` holds.

    `settings_since` gives the settings.
    """
    return (
        CHANGED.replace(":xmin", row)
        .replace(":horizon", f"(select current_setting('asterism.{since}')::bigint)")
        .replace(":window", f"(select current_setting('asterism.{since}_window')::bigint)")
    )


def settings_since(since: str, horizon: int, xmax: int) -> dict[str, str]:
    """The settings behind `changed`, for a horizon and the snapshot's xmax."""
    return {f"asterism.{since}": str(horizon), f"asterism.{since}_window": str(xmax - horizon)}
