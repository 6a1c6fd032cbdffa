"""EventBridge: what is done by the clock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from asterism.deploy.aws.setting import function_ref
from asterism.deploy.graph import Clock, Function
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting, reference

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def schedules(setting: Setting) -> Iterator[Resource]:
    """A rule each, what it sends, and the permission to send it."""
    for function in setting.graph.functions:
        for start in function.starts:
            if isinstance(start, Clock):
                yield from schedule(setting, function, start)


def schedule(setting: Setting, function: Function, start: Clock) -> Iterator[Resource]:
    """The function is called with `{"source": "asterism", "verb": …, "name": …}`."""
    name = label(start.verb, start.name)
    purpose = f"{start.verb} {start.name}".strip()
    for number, expression in enumerate(expressions(start)):
        label_ = name if number == 0 else f"{name}_{number + 1}"
        own = setting.name(start.verb, *([start.name] if start.name else []), *([str(number + 1)] if number else []))
        yield Resource(
            "aws_cloudwatch_event_rule",
            label_,
            {"name": own, "description": purpose, "schedule_expression": expression},
            f"{purpose}: {expression}",
            start.place,
        )
        yield Resource(
            "aws_cloudwatch_event_target",
            label_,
            {
                "rule": reference("aws_cloudwatch_event_rule", label_, "name"),
                "arn": function_ref(function),
                "input": json.dumps({"source": "asterism", "verb": start.verb, "name": start.name}),
            },
            f"{purpose}: calls {function.name}",
            start.place,
        )
        yield Resource(
            "aws_lambda_permission",
            label_,
            {
                "action": "lambda:InvokeFunction",
                "function_name": function_ref(function, "function_name"),
                "principal": "events.amazonaws.com",
                "source_arn": reference("aws_cloudwatch_event_rule", label_, "arn"),
            },
            f"{purpose}: may call {function.name}",
            start.place,
        )


def expressions(start: Clock) -> list[str]:
    """As EventBridge writes it. Days of the month and of the week at once, of which cron takes either, are two rules.

    Raises ValueError for a cron expression that has no such form.
    """
    return _cron(start.cron) if start.cron else [_rate(start.every)]


def _rate(every: timedelta) -> str:
    seconds = every.total_seconds()
    for size, unit in ((_DAY, "day"), (_HOUR, "hour")):
        if seconds % size == 0:
            count = int(seconds // size)
            return f"rate({count} {unit}{'' if count == 1 else 's'})"
    count = max(1, int(-(-seconds // _MINUTE)))
    return f"rate({count} minute{'' if count == 1 else 's'})"


def _cron(text: str) -> list[str]:
    fields = text.split()
    if len(fields) != 5:  # noqa: PLR2004 - minute, hour, day, month, day of the week
        raise ValueError(f"{text!r} has no form that EventBridge knows: write five fields")
    minute, hour, day, month, weekday = fields
    week = _weekdays(weekday)
    if weekday == "*":
        return [f"cron({minute} {hour} {day} {month} ? *)"]
    if day == "*":
        return [f"cron({minute} {hour} ? {month} {week} *)"]
    return [f"cron({minute} {hour} {day} {month} ? *)", f"cron({minute} {hour} ? {month} {week} *)"]


def _weekdays(field: str) -> str:
    """EventBridge counts Sunday as 1, cron as 0 or 7. What stands behind a slash is a step, and no day."""
    return re.sub(r"(?<!/)\b[0-7]\b", lambda match: str(int(match[0]) % 7 + 1), field)
