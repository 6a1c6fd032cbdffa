"""API Gateway: the address by which a function is reached over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.aws.setting import function_ref
from asterism.deploy.graph import Door, Function
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting, reference

BURST, RATE = 1000, 500
"""Requests at once, and a second, that the gateway lets through."""


def doors(setting: Setting) -> Iterator[Resource]:
    """One for each function that serves."""
    for function in setting.graph.functions:
        if any(isinstance(start, Door) for start in function.starts):
            yield from door(setting, function)


def door(setting: Setting, function: Function) -> Iterator[Resource]:
    """Everything goes to the function, which asks for tokens by itself."""
    name = label(function.name)
    api = reference("aws_apigatewayv2_api", name, "id")
    place = function.place
    yield Resource(
        "aws_apigatewayv2_api",
        name,
        {"name": setting.name(function.name), "protocol_type": "HTTP"},
        "the address of the HTTP endpoints",
        place,
    )
    yield Resource(
        "aws_apigatewayv2_integration",
        name,
        {
            "api_id": api,
            "integration_type": "AWS_PROXY",
            "integration_uri": function_ref(function, "invoke_arn"),
            "payload_format_version": "2.0",
        },
        f"requests go to {function.name}",
        place,
    )
    yield Resource(
        "aws_apigatewayv2_route",
        name,
        {
            "api_id": api,
            "route_key": "$default",
            "target": f"integrations/{reference('aws_apigatewayv2_integration', name, 'id')}",
        },
        "every path",
        place,
    )
    yield Resource(
        "aws_apigatewayv2_stage",
        name,
        {
            "api_id": api,
            "name": "$default",
            "auto_deploy": True,
            "default_route_settings": [{"throttling_burst_limit": BURST, "throttling_rate_limit": RATE}],
        },
        "throttled",
        place,
    )
    yield Resource(
        "aws_lambda_permission",
        label(function.name, "door"),
        {
            "action": "lambda:InvokeFunction",
            "function_name": function_ref(function, "function_name"),
            "principal": "apigateway.amazonaws.com",
            "source_arn": f"{reference('aws_apigatewayv2_api', name, 'execution_arn')}/*/*",
        },
        f"requests may call {function.name}",
        place,
    )
