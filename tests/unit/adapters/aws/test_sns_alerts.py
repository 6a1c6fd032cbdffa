"""Alerts that go to a topic, and from there into a queue."""

from __future__ import annotations

import json
from uuid import uuid4

import boto3
import pytest

from asterism.declare.stage import Stage
from asterism.errors import AlertError, UsageError
from asterism.wire import Wiring


def alerts(tmp_path, address):
    return Wiring(Stage("aws", "duckdb:///:memory:", "memory:///", str(tmp_path))).alerts(address)


def test_an_alert_arrives_as_it_was_written(aws, tmp_path):
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name=f"on-call-{uuid4().hex}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"q-{uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    made = alerts(tmp_path, f"awssns://{topic}")
    assert made.name == f"awssns://{topic}"
    made.tell("[shop/aws] shöp failed", "since: today\nerror: 1 < 2", is_bad=True)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == "[shop/aws] sh?p failed"
    assert told["Message"] == "[shop/aws] shöp failed\n\nsince: today\nerror: 1 < 2"
    assert told["MessageAttributes"]["state"]["Value"] == "bad"


def test_a_topic_that_is_not_there_is_told(aws, tmp_path):
    made = alerts(tmp_path, "awssns://arn:aws:sns:eu-west-2:000000000000:none")
    with pytest.raises(AlertError, match="NotFound"):
        made.tell("t", "text", is_bad=False)


def test_what_is_no_topic_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no topic of SNS"):
        alerts(tmp_path, "awssns://on-call")
