"""Cloud Scheduler: what is done by the clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta

from asterism.deploy.gcp.function import oidc
from asterism.deploy.gcp.setting import clocks, uri_of
from asterism.deploy.graph import Clock
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import REGION, Setting

PATIENCE = {"functions": 540, "cloud-run": 1800}
"""Seconds for which Scheduler waits for an answer: as long as a function may take, or as it can."""
_MINUTES, _HOURS = 60, 24


def schedules(setting: Setting) -> Iterator[Resource]:
    """A job each. The function is called with `{"source": "asterism", "verb": …, "name": …}`."""
    for function in setting.graph.functions:
        for start in clocks(function):
            said = json.dumps({"source": "asterism", "verb": start.verb, "name": start.name})
            purpose = f"{start.verb} {start.name}".strip()
            yield Resource(
                "google_cloud_scheduler_job",
                label(start.verb, start.name),
                {
                    "name": setting.name(start.verb, *([start.name] if start.name else [])),
                    "description": purpose,
                    "region": REGION.ref,
                    "schedule": expression(start),
                    "time_zone": "Etc/UTC",
                    "attempt_deadline": f"{PATIENCE[setting.target.service]}s",
                    "retry_config": [{"retry_count": 2}],
                    "http_target": [
                        {
                            "uri": uri_of(setting, function),
                            "http_method": "POST",
                            "headers": {"Content-Type": "application/json"},
                            "body": base64.b64encode(said.encode()).decode(),
                            "oidc_token": oidc(setting, function),
                        }
                    ],
                    "depends_on": ["google_project_service.cloudscheduler"],
                },
                f"{purpose}: {expression(start)}",
                start.place,
            )


def expression(start: Clock) -> str:
    """As cron has it. An interval that no hour or day is a multiple of becomes the next shorter one that is."""
    if start.cron:
        return start.cron
    minutes = max(1, int(start.every / timedelta(minutes=1)))
    if minutes < _MINUTES:
        step = next(each for each in range(minutes, 0, -1) if _MINUTES % each == 0)
        return "* * * * *" if step == 1 else f"*/{step} * * * *"
    hours = min(minutes // _MINUTES, _HOURS)
    step = next(each for each in range(hours, 0, -1) if _HOURS % each == 0)
    return {1: "0 * * * *", _HOURS: "0 0 * * *"}.get(step, f"0 */{step} * * *")
