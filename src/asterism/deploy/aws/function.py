"""Lambda functions, their logs, and where goes what they could not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.aws.catalogue import database_name
from asterism.deploy.aws.setting import HANDLER, function_ref
from asterism.deploy.graph import Delivery, Door, Function
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import CONCURRENCY, LOG_DAYS, MEMORY, REDRIVE, TIMEOUT, Setting, environment, reference

FOURTEEN_DAYS = 1_209_600
"""Seconds for which a dead letter is kept: as long as SQS can."""
ANSWER_WITHIN = 29
"""Seconds that API Gateway waits for an answer."""


def functions(setting: Setting) -> Iterator[Resource]:
    """All functions of the graph."""
    for each in setting.graph.functions:
        yield log_group(setting, each)
        yield from dead_letters(setting, each)
        yield function(setting, each)


def function(setting: Setting, declared: Function) -> Resource:
    """The function itself. All of them run the same package; the environment says which one it is."""
    name = label(declared.name)
    libraries = setting.package.libraries
    serves = any(isinstance(start, Door) for start in declared.starts)
    arguments: dict[str, Any] = {
        "function_name": setting.name(declared.name),
        "description": declared.purpose,
        "role": reference("aws_iam_role", name, "arn"),
        "handler": HANDLER,
        "runtime": f"python{setting.package.python}",
        "architectures": [setting.target.architecture],
        "s3_bucket": reference("aws_s3_object", "platform", "bucket"),
        "s3_key": reference("aws_s3_object", "platform", "key"),
        "layers": [reference("aws_lambda_layer_version", "libraries", "arn")] if libraries else [],
        "memory_size": MEMORY.ref,
        "timeout": ANSWER_WITHIN if serves else TIMEOUT.ref,
        "reserved_concurrent_executions": 1 if declared.alone else CONCURRENCY.ref,
        "ephemeral_storage": [{"size": 2048}],
        "environment": [
            {
                "variables": environment(
                    setting, declared, f"awssecrets://{setting.target.name}", **told(setting, declared)
                )
            }
        ],
        "logging_config": [{"log_format": "Text", "log_group": reference("aws_cloudwatch_log_group", name, "name")}],
        "depends_on": [f"aws_iam_role_policy.{name}"],
    }
    if setting.target.subnets:
        arguments["vpc_config"] = [
            {"subnet_ids": [*setting.target.subnets], "security_group_ids": [*setting.target.security_groups]}
        ]
    return Resource("aws_lambda_function", name, arguments, declared.purpose, declared.place)


def told(setting: Setting, declared: Function) -> dict[str, str]:
    """Whose records it looks at on their way to the lake, and what it makes of them; where it has tables be found."""
    found = {"ASTERISM_CATALOGUE": f"athena://{database_name(setting)}"} if declared.uses_of("catalogue") else {}
    for start in declared.starts:
        if isinstance(start, Delivery):
            found |= {"ASTERISM_STREAM": start.stream, "ASTERISM_TRANSFORM": start.transform}
    return {name: value for name, value in found.items() if value}


def log_group(setting: Setting, declared: Function) -> Resource:
    """Where its lines go."""
    arguments = {"name": f"/aws/lambda/{setting.name(declared.name)}", "retention_in_days": LOG_DAYS.ref}
    name = label(declared.name)
    return Resource("aws_cloudwatch_log_group", name, arguments, f"logs of {declared.name}", declared.place)


def dead_letters(setting: Setting, declared: Function) -> Iterator[Resource]:
    """A queue of what failed for good. Where the caller waits for an answer, it is told at once, and there is none."""
    if declared.is_answering:
        return
    name = label(declared.name)
    yield Resource(
        "aws_sqs_queue",
        name,
        {
            "name": setting.name(declared.name, "dead-letters"),
            "message_retention_seconds": FOURTEEN_DAYS,
            "sqs_managed_sse_enabled": True,
            "visibility_timeout_seconds": f"${{6 * var.{TIMEOUT.name}}}",
        },
        f"what {declared.name} could not take",
        declared.place,
    )
    yield Resource(
        "aws_lambda_function_event_invoke_config",
        name,
        {
            "function_name": function_ref(declared, "function_name"),
            "maximum_retry_attempts": 2,
            "maximum_event_age_in_seconds": 21_600,
            "destination_config": [{"on_failure": [{"destination": reference("aws_sqs_queue", name, "arn")}]}],
        },
        f"twice again, then among the dead letters: calls of {declared.name}",
        declared.place,
    )
    yield Resource(
        "aws_lambda_event_source_mapping",
        label(name, "redrive"),
        {
            "event_source_arn": reference("aws_sqs_queue", name, "arn"),
            "function_name": function_ref(declared),
            "enabled": REDRIVE.ref,
            "batch_size": 10,
            "function_response_types": ["ReportBatchItemFailures"],
        },
        f"has {declared.name} work off its dead letters, when that is asked for",
        declared.place,
    )
