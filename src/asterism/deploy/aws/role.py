"""IAM: a role for each function, and what it may do: these actions on these resources, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.aws.catalogue import LAKE
from asterism.deploy.aws.setting import bucket_arn
from asterism.deploy.aws.stream import delivered
from asterism.deploy.aws.table import CHANGES, EVENTS, POSITIONS, VIEWS, positions_name
from asterism.deploy.graph import Function, Use
from asterism.deploy.resource import Grant, Resource, label
from asterism.deploy.setting import Place, Setting, reference

READ_STREAM = (
    "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
    "kinesis:ListShards",
)  # fmt: skip
APPEND_STREAM = ("kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecord", "kinesis:PutRecords")
REGISTER = ("glue:CreateTable", "glue:GetTable", "glue:UpdateTable")
DELIVER = ("firehose:PutRecordBatch",)
READ_TABLE = ("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query")
WRITE_TABLE = (
    *READ_TABLE, "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)  # fmt: skip
DEAD_LETTERS = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage")
READ_OBJECTS = ("s3:GetObject",)
WRITE_OBJECTS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")


def assumed_by(service: str, name: str) -> Resource:
    """The document that lets a service of AWS take a role."""
    statement = {
        "effect": "Allow",
        "actions": ["sts:AssumeRole"],
        "principals": [{"type": "Service", "identifiers": [service]}],
    }
    return Resource("aws_iam_policy_document", name, {"statement": [statement]}, data=True)


def roles(setting: Setting) -> Iterator[Resource]:
    """A role a function."""
    assume = assumed_by("lambda.amazonaws.com", "assumed_by_lambda")
    yield assume
    for function in setting.graph.functions:
        name = label(function.name)
        yield Resource(
            "aws_iam_role",
            name,
            {"name": setting.name(function.name), "assume_role_policy": assume.ref("json")},
            f"what {function.name} is",
            function.place,
        )
        granted = tuple(grants(setting, function))
        yield from policy(name, function.name, function.place, granted)


def policy(name: str, role: str, place: str, granted: tuple[Grant, ...]) -> Iterator[Resource]:
    """The grants as a document, and the document in the role `name`."""
    document = Resource(
        "aws_iam_policy_document", name, {"statement": [_statement(each) for each in granted]}, place=place, data=True
    )
    yield document
    yield Resource(
        "aws_iam_role_policy",
        name,
        {"name": "permissions", "role": reference("aws_iam_role", name, "id"), "policy": document.ref("json")},
        f"what {role} may do",
        place,
        role=role,
        grants=granted,
    )


def grants(setting: Setting, function: Function) -> Iterator[Grant]:
    """What a function needs, and no more."""
    logs = reference("aws_cloudwatch_log_group", label(function.name), "arn")
    yield Grant(("logs:CreateLogStream", "logs:PutLogEvents"), (f"{logs}:*",), "writes its logs")
    if not function.is_answering:
        queue = reference("aws_sqs_queue", label(function.name), "arn")
        yield Grant(DEAD_LETTERS, (queue,), "its dead letters, which it works off when that is asked for")
    for access, actions, why in (("read", READ_STREAM, "reads"), ("append", APPEND_STREAM, "appends to")):
        names = [use.name for use in function.uses_of("log") if use.access == access]
        away = {log.name for log in setting.graph.logs if log.delivered}
        if kept := [name for name in names if name not in away]:
            arns = tuple(reference("aws_kinesis_stream", label(name), "arn") for name in kept)
            yield Grant(actions, arns, f"{why} {', '.join(kept)}")
        if sent := [name for name in names if name in away]:
            arns = tuple(reference("aws_kinesis_firehose_delivery_stream", delivered(name), "arn") for name in sent)
            yield Grant(DELIVER, arns, f"{why} {', '.join(sent)}")
    if positions_name(setting.graph.stores.log) and any(u.access == "read" for u in function.uses_of("log")):
        table = reference("aws_dynamodb_table", POSITIONS, "arn")
        yield Grant(WRITE_TABLE, (table,), "notes how far it has read")
    yield from _views(function)
    yield from _events(function)
    yield from _objects(setting, function)
    yield from _catalogue(function)
    topics = tuple(use.name.partition("://")[2].partition("?")[0] for use in function.uses_of("alerts"))
    if topics:
        yield Grant(("sns:Publish",), topics, "tells people")
    secrets = [use.name for use in function.uses_of("secret")]
    if secrets:
        arns = tuple(reference("aws_secretsmanager_secret", label(name), "arn") for name in secrets)
        yield Grant(("secretsmanager:GetSecretValue",), arns, f"reads the secrets {', '.join(secrets)}")
    if setting.target.subnets:
        yield from _network(setting)


def _views(function: Function) -> Iterator[Grant]:
    kinds = {use.access for use in function.uses_of("views")}
    if kinds:
        table = reference("aws_dynamodb_table", VIEWS, "arn")
        writes = "write" in kinds
        actions = WRITE_TABLE if writes else READ_TABLE
        yield Grant(actions, (table, f"{table}/index/{CHANGES}"), f"{'keeps' if writes else 'reads'} live views")


def _events(function: Function) -> Iterator[Grant]:
    kinds = {use.access for use in function.uses_of("events")}
    if kinds:
        table = reference("aws_dynamodb_table", EVENTS, "arn")
        writes = "write" in kinds
        yield Grant(WRITE_TABLE if writes else READ_TABLE, (table,), f"{'stores' if writes else 'reads'} events")


def _catalogue(function: Function) -> Iterator[Grant]:
    """The service asks for the catalogue and the database as well; of the tables, those of its sources are granted."""
    sources = [use.name for use in function.uses_of("catalogue")]
    if sources:
        database = Resource("aws_glue_catalog_database", LAKE)
        catalogue = f'${{replace({database.address}.arn, "/:database.*/", ":catalog")}}'
        tables = f'${{replace({database.address}.arn, ":database/", ":table/")}}'
        arns = (catalogue, database.ref("arn"), *(f"{tables}/{source}_*" for source in sources))
        yield Grant(REGISTER, arns, f"has landed tables of {', '.join(sources)} be found in the lake")


def _objects(setting: Setting, function: Function) -> Iterator[Grant]:
    uses = [(use, setting.graph.stores.lake) for use in function.uses_of("lake")]
    uses += [(use, use.name) for use in function.uses_of("source")]
    for use, url in uses:
        place = Place.of(url)
        bucket = bucket_arn(setting, place.bucket)
        where = (("StringLike", "s3:prefix", (f"{place.prefix}*",)),) if place.prefix else ()
        yield Grant(("s3:GetBucketLocation",), (bucket,), f"finds {_said(use)}")
        yield Grant(("s3:ListBucket",), (bucket,), f"lists {_said(use)}", where)
        actions = WRITE_OBJECTS if use.access == "write" else READ_OBJECTS
        yield Grant(actions, (f"{bucket}/{place.prefix}*",), f"{use.access}s {_said(use)}")


def _said(use: Use) -> str:
    return "the lake" if use.thing == "lake" else f"objects of {use.name}"


def _network(setting: Setting) -> Iterator[Grant]:
    """A function in a network makes its interface there. Of these, describing knows no narrower resource."""
    region = "${var.region}"
    yield Grant(("ec2:DescribeNetworkInterfaces",), ("*",), "finds its interface: the service takes no narrower one")
    interfaces = f"arn:aws:ec2:{region}:*:network-interface/*"
    own = [f"arn:aws:ec2:{region}:*:subnet/{each}" for each in setting.target.subnets]
    own += [f"arn:aws:ec2:{region}:*:security-group/{each}" for each in setting.target.security_groups]
    yield Grant(("ec2:CreateNetworkInterface",), (interfaces, *own), "makes its interface in the network")
    yield Grant(("ec2:DeleteNetworkInterface",), (interfaces,), "lets go of its interface")


def _statement(grant: Grant) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "effect": "Allow",
        "actions": sorted(grant.actions),
        "resources": [*grant.resources],
    }
    if grant.condition:
        statement["condition"] = [
            {"test": test, "variable": key, "values": [*values]} for test, key, values in grant.condition
        ]
    return statement
