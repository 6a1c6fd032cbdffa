"""`asterism status`: how fresh everything is, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, status)


def status(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show how fresh everything is, and what failed.

    How far each source has been read, when each model moved last, how far the readers of each stream are behind, what
    views stand still, what lies in quarantine, and the latest failures. Times are UTC.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "status", work, {})
    if chosen.json:
        show.as_json(result)
        return
    rows = [
        [
            s["source"],
            _second(s["polled_at"]),
            _second(s["reconciled_at"]),
            s["batches"],
            "loading" if s["loading"] else "loaded" if s["polled_at"] else "new",
        ]
        for s in result["sources"]
    ]
    show.table(["source", "polled at", "reconciled at", "batches", "state"], rows, numeric=frozenset({3}))
    rows = [[m["model"], m["state"], m["rows"], _second(m["refreshed_at"]), m["maintenance"]] for m in result["models"]]
    show.table(["model", "state", "rows", "refreshed at", "maintained"], rows, numeric=frozenset({2}))
    for model in result["models"]:
        if model["error"]:
            show.remark(f"{model['state']}: {model['model']}: {model['error']}")
    for warned in result["warnings"]:
        show.remark(f"warned since {warned['since']}: {warned['model']}: {warned['error']}")
    rows = [
        [p["publication"], _second(p["published_at"]), p["behind"], _second(p["behind_since"])]
        for p in result["publications"]
    ]
    if rows:
        show.table(["publication", "published at", "refreshes behind", "since"], rows, numeric=frozenset({2}))
    for each in result["publications"]:
        if each["error"]:
            show.remark(f"failing since {each['since']}: publication {each['publication']}: {each['error']}")
    _show_streams(result)
    for run in result["runs"]:
        if run["status"] != "ok":
            show.remark(f"{run['status']} at {run['started_at']}: {run['verb']} {run['step']}: {run['error']}")


def _second(moment: str | None) -> str | None:
    """A moment as a person reads it; JSON has it in full."""
    return moment[:19].replace("T", " ") if moment else None


def _show_streams(result: Mapping[str, Any]) -> None:
    """What the log, the live views and the quarantine tell."""
    if not result["streams"]:
        return
    rows = [
        [s["stream"], s["records"], _reached(s["end"]), r["consumer"], _reached(r["position"]), r["behind"],
         r["seconds"]]
        for s in result["streams"] for r in s["readers"]
    ]  # fmt: skip
    head = ["stream", "records kept", "end", "reader", "position", "records behind", "seconds behind"]
    show.table(head, rows, numeric=frozenset({1, 2, 4, 5, 6}))
    if result["views"]:
        rows = [[v["view"], v["stream"], v["state"], v["skipped"], v["late"]] for v in result["views"]]
        show.table(["view", "stream", "state", "skipped", "set aside as late"], rows, numeric=frozenset({3, 4}))
    if result["quarantine"]:
        rows = [[q["stream"], q["count"], q["reason"]] for q in result["quarantine"]]
        show.table(["in quarantine of", "records", "reason"], rows, numeric=frozenset({1}))
    for stream in result["streams"]:
        if stream["error"]:
            show.remark(f"stands still: stream {stream['stream']}: {stream['error']}")
    for view in result["views"]:
        if view["error"]:
            where = f" at {view['stopped_at']}" if view["stopped_at"] else ""
            show.remark(f"stopped since {view['since']}: view {view['view']}{where}: {view['error']}")


def _reached(offsets: Mapping[str, Any]) -> int | None:
    """Partitions together; None where they are not counted from 0: Kinesis' numbers of 56 digits are text in JSON."""
    return None if any(isinstance(each, str) for each in offsets.values()) else sum(offsets.values())


def work(desk: Desk, _arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Everything that ledger, log and states know."""
    from dataclasses import asdict

    from asterism.run.status import status as read
    from asterism.run.values import as_json

    publications = tuple(each.name for each in desk.project.publications)
    found = read(desk.warehouse, tuple(pull.into for pull in desk.project.pulls), publications)
    return {
        "platform": desk.project.name, "stage": desk.project.stage.name, **as_json(asdict(found)),
        **as_json(_streams(desk)),
    }  # fmt: skip


def _streams(desk: Desk) -> dict[str, list[Any]]:
    from dataclasses import asdict

    from asterism.run.queues import aside, queues, views

    if not desk.project.takes_records:
        return {"streams": [], "views": [], "quarantine": []}
    platform, log, states = desk.project.platform, desk.wiring.log(), desk.wiring.states()
    still = {name: str(error) for name, error in desk.writer.still().items()}
    return {
        "streams": [{**asdict(each), "error": still.get(each.stream, "")} for each in queues(platform, log, states)],
        "views": [asdict(each) for each in views(platform, states)],
        "quarantine": [asdict(each) for each in aside(desk.warehouse)],
    }
