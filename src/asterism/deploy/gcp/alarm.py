"""Cloud Monitoring: alert policies, who is told, and a dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from asterism.deploy.gcp.topic import DEAD, notified, subscription_label
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import ALARMS, Setting, reference

BEHIND = 300
"""Seconds that the oldest message may have waited."""
_REQUESTS = "run.googleapis.com/request_count"
_OLDEST = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
_WAITING = "pubsub.googleapis.com/subscription/num_undelivered_messages"


def alarms(setting: Setting) -> Iterator[Resource]:
    """People are told by e-mail."""
    graph, place = setting.graph, setting.graph.place("alarms")
    arguments = {
        "for_each": "${toset(var." + ALARMS.name + ")}",
        "display_name": f"{setting.target.name} ${{each.value}}",
        "type": "email",
        "labels": {"email_address": "${each.value}"},
    }
    yield Resource("google_monitoring_notification_channel", "alarms", arguments, "who is told of alarms", place)
    for function in graph.functions:
        chosen = (
            f'resource.type="cloud_run_revision" AND resource.labels.service_name="{setting.name(function.name)}" '
            f'AND metric.type="{_REQUESTS}" AND metric.labels.response_code_class="5xx"'
        )
        text = f"{function.name} fails"
        yield _policy(setting, label(function.name, "errors"), text, chosen, "ALIGN_DELTA", 0, function.place)
        for reader in function.readers:
            own = reference("google_pubsub_subscription", subscription_label(function, reader), "name")
            chosen = f'resource.type="pubsub_subscription" AND resource.labels.subscription_id="{own}"'
            text = f"the oldest record of {reader.stream} waits for {reader.consumer} for five minutes"
            name = label(subscription_label(function, reader), "behind")
            metric = f'{chosen} AND metric.type="{_OLDEST}"'
            yield _policy(setting, name, text, metric, "ALIGN_MAX", BEHIND, function.place)
    if notified(graph):
        own = reference("google_pubsub_subscription", DEAD, "name")
        chosen = f'resource.type="pubsub_subscription" AND resource.labels.subscription_id="{own}"'
        metric = f'{chosen} AND metric.type="{_WAITING}"'
        yield _policy(setting, "dead_letters", "there are dead letters", metric, "ALIGN_MAX", 0, place)


def _policy(setting: Setting, name: str, text: str, chosen: str, aligner: str, threshold: int, place: str) -> Resource:
    aggregation = {"alignment_period": "300s", "per_series_aligner": aligner, "cross_series_reducer": "REDUCE_SUM"}
    if aligner == "ALIGN_MAX":
        aggregation["cross_series_reducer"] = "REDUCE_MAX"
    arguments: dict[str, Any] = {
        "display_name": f"{setting.target.name}: {text}",
        "combiner": "OR",
        "conditions": [
            {
                "display_name": text,
                "condition_threshold": [
                    {
                        "filter": chosen,
                        "comparison": "COMPARISON_GT",
                        "threshold_value": threshold,
                        "duration": "0s",
                        "aggregations": [aggregation],
                    }
                ],
            }
        ],
    }
    arguments["notification_channels"] = "${[for each in google_monitoring_notification_channel.alarms : each.name]}"
    return Resource("google_monitoring_alert_policy", name, arguments, text, place)


def dashboard(setting: Setting) -> Iterator[Resource]:
    """One page: calls, failures, how far readers are behind, dead letters."""
    prefix = f'starts_with("{setting.target.name}-")'
    services = f'resource.type="cloud_run_revision" AND resource.labels.service_name={prefix}'
    waiting = f'resource.type="pubsub_subscription" AND resource.labels.subscription_id={prefix}'
    charts = [
        ("Calls", f'{services} AND metric.type="{_REQUESTS}"', "ALIGN_RATE"),
        (
            "Failures",
            f'{services} AND metric.type="{_REQUESTS}" AND metric.labels.response_code_class="5xx"',
            "ALIGN_RATE",
        ),
        ("Age of the oldest record", f'{waiting} AND metric.type="{_OLDEST}"', "ALIGN_MAX"),
        ("Waiting records and dead letters", f'{waiting} AND metric.type="{_WAITING}"', "ALIGN_MAX"),
    ]
    tiles = [
        {
            "xPos": 24 * (number % 2),
            "yPos": 16 * (number // 2),
            "width": 24,
            "height": 16,
            "widget": {
                "title": title,
                "xyChart": {
                    "dataSets": [
                        {
                            "timeSeriesQuery": {
                                "timeSeriesFilter": {
                                    "filter": chosen,
                                    "aggregation": {"alignmentPeriod": "300s", "perSeriesAligner": aligner},
                                }
                            }
                        }
                    ]
                },
            },
        }
        for number, (title, chosen, aligner) in enumerate(charts)
    ]
    page = {"displayName": setting.target.name, "mosaicLayout": {"columns": 48, "tiles": tiles}}
    place = setting.graph.place("deploy")
    arguments = {"dashboard_json": json.dumps(page)}
    yield Resource("google_monitoring_dashboard", "platform", arguments, "one page of all of it", place)
