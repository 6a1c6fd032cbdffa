"""CloudWatch alarms, the topic that tells of them, and a dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from asterism.deploy.aws.setting import function_ref
from asterism.deploy.aws.stream import delivered
from asterism.deploy.graph import Function, Log, Records
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import ALARMS, Setting, reference

BEHIND = 300_000
"""Milliseconds that the oldest record may have waited."""
TOPIC = "alarms"


def alarms(setting: Setting) -> Iterator[Resource]:
    """People are told by e-mail; each confirms the first one."""
    place = setting.graph.place("alarms")
    yield Resource("aws_sns_topic", TOPIC, {"name": setting.name(TOPIC)}, "tells of alarms", place)
    yield Resource(
        "aws_sns_topic_subscription",
        TOPIC,
        {
            "for_each": "${toset(var." + ALARMS.name + ")}",
            "topic_arn": reference("aws_sns_topic", TOPIC, "arn"),
            "protocol": "email",
            "endpoint": "${each.value}",
        },
        "who is told of alarms",
        place,
    )
    for function in setting.graph.functions:
        yield from _of(setting, function)
    for log in setting.graph.logs:
        if log.delivered:
            of = {"DeliveryStreamName": reference("aws_kinesis_firehose_delivery_stream", delivered(log.name), "name")}
            text = f"the oldest record of {log.name} has waited for five minutes on its way to the lake"
            metric, late = "DeliveryToS3.DataFreshness", BEHIND // 1000
            yield _alarm(setting, log, "delivery-behind", text, "AWS/Firehose", metric, "Maximum", of, late)


def _of(setting: Setting, function: Function) -> Iterator[Resource]:
    of = {"FunctionName": function_ref(function, "function_name")}
    yield _alarm(setting, function, "errors", f"{function.name} fails", "AWS/Lambda", "Errors", "Sum", of)
    if any(isinstance(start, Records) for start in function.starts):
        text = f"the oldest record that {function.name} has not taken has waited for five minutes"
        yield _alarm(setting, function, "behind", text, "AWS/Lambda", "IteratorAge", "Maximum", of, BEHIND)
    if not function.is_answering:
        queue = {"QueueName": reference("aws_sqs_queue", label(function.name), "name")}
        text = f"there are dead letters of {function.name}"
        metric = "ApproximateNumberOfMessagesVisible"
        yield _alarm(setting, function, "dead-letters", text, "AWS/SQS", metric, "Maximum", queue)


def _alarm(  # noqa: PLR0913, PLR0917 - as many as a metric has coordinates
    setting: Setting,
    of: Function | Log,
    kind: str,
    text: str,
    namespace: str,
    metric: str,
    statistic: str,
    dimensions: dict[str, str],
    threshold: int = 0,
) -> Resource:
    topic = [reference("aws_sns_topic", TOPIC, "arn")]
    arguments: dict[str, Any] = {
        "alarm_name": setting.name(of.name, kind),
        "alarm_description": f"{setting.graph.platform} on {setting.graph.stage}: {text}",
        "namespace": namespace,
        "metric_name": metric,
        "dimensions": dimensions,
        "statistic": statistic,
        "period": 300,
        "evaluation_periods": 1,
        "comparison_operator": "GreaterThanThreshold",
        "threshold": threshold,
        "treat_missing_data": "notBreaching",
        "alarm_actions": topic,
        "ok_actions": topic,
    }
    return Resource("aws_cloudwatch_metric_alarm", label(of.name, kind), arguments, text, of.place)


def dashboard(setting: Setting) -> Iterator[Resource]:
    """One page: calls, failures, how far readers are behind, dead letters."""
    region, graph = "${var.region}", setting.graph
    names = {function.name: setting.name(function.name) for function in graph.functions}
    readers = [f.name for f in graph.functions if any(isinstance(start, Records) for start in f.starts)]
    queued = [f.name for f in graph.functions if not f.is_answering]
    charts = [
        ("Calls", [["AWS/Lambda", "Invocations", "FunctionName", name] for name in names.values()], "Sum"),
        ("Failures", [["AWS/Lambda", "Errors", "FunctionName", name] for name in names.values()], "Sum"),
        ("Duration (p99)", [["AWS/Lambda", "Duration", "FunctionName", name] for name in names.values()], "p99"),
        (
            "Age of the oldest record",
            [["AWS/Lambda", "IteratorAge", "FunctionName", names[n]] for n in readers],
            "Maximum",
        ),
        (
            "Dead letters",
            [
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", setting.name(n, "dead-letters")]
                for n in queued
            ],
            "Maximum",
        ),
    ]
    widgets = [
        {
            "type": "metric",
            "x": 12 * (number % 2),
            "y": 6 * (number // 2),
            "width": 12,
            "height": 6,
            "properties": {"title": title, "metrics": metrics, "stat": stat, "period": 300, "region": region},
        }
        for number, (title, metrics, stat) in enumerate(chart for chart in charts if chart[1])
    ]
    yield Resource(
        "aws_cloudwatch_dashboard",
        "platform",
        {"dashboard_name": setting.target.name, "dashboard_body": json.dumps({"widgets": widgets})},
        "one page of all of it",
        graph.place("deploy"),
    )
