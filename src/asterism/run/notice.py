"""A notice: what people are told of incidents, in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from asterism.run.incidents import Incident, Kind

_WORDS: dict[Kind, tuple[str, str]] = {
    "step": ("failed", "works again"),
    "freshness": ("is older than its objective", "is fresh again"),
    "quarantine": ("grows", "grows no more"),
    "disk": ("fills", "has room again"),
}


def title(place: str, incidents: Sequence[Incident]) -> str:
    """One line: `place` is the platform and the stage."""
    more = f" (and {len(incidents) - 1} more)" if len(incidents) > 1 else ""
    return f"[{place}] {headline(incidents[0])}{more}"


def headline(incident: Incident) -> str:
    """What happened, in a few words."""
    return f"{incident.subject} {_WORDS[incident.kind][incident.over_at is not None]}"


def text(platform: str, stage: str, incidents: Sequence[Incident]) -> str:
    """All that is known of them."""
    return "\n\n".join("\n".join(_lines(platform, stage, each)) for each in incidents) + "\n"


def _lines(platform: str, stage: str, incident: Incident) -> list[str]:
    lines = [
        f"{headline(incident)}.",
        "",
        f"platform: {platform}",
        f"stage: {stage}",
        f"{'step' if incident.kind == 'step' else 'what'}: {incident.subject}",
        f"error: {incident.fact}",
        f"since: {_moment(incident.since)}",
    ]
    if incident.over_at is not None:
        return [*lines, f"over: {_moment(incident.over_at)}, after {_lasting(incident.over_at - incident.since)}"]
    good = _moment(incident.last_good) if incident.last_good else "none is known"
    return [*lines, f"last good: {good}", f"what to do: {incident.remedy}"]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _lasting(time: timedelta) -> str:
    seconds = max(round(time.total_seconds()), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
