"""Events as AWS sends them, in the shapes of its documentation (Lambda's developer guide, "Using … with Lambda")."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-2"


def clock(verb: str, name: str = "") -> dict[str, Any]:
    """The constant input of an EventBridge rule."""
    return {"source": "asterism", "verb": verb, "name": name}


def scheduled() -> dict[str, Any]:
    """A rule without an input of its own."""
    return {
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": ACCOUNT, "time": "2026-10-08T16:53:06Z", "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/my-scheduled-rule"], "detail": {},
    }  # fmt: skip


def objects(bucket: str, key: str) -> dict[str, Any]:
    """S3's notification. Its keys are quoted as in a query."""
    return {
        "Records": [
            {
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION,
                "eventTime": "2026-09-03T19:37:27.192Z", "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": key, "size": 1305107, "eTag": "b21b84d653bb07b05b1e6b33684dc11b"},
                },
            }
        ]
    }  # fmt: skip


def records(stream: str, put: Sequence[tuple[str, str, bytes]]) -> dict[str, Any]:
    """A batch of Kinesis: (shard, sequence number, data)."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0", "partitionKey": "1", "sequenceNumber": sequence,
                    "data": base64.b64encode(data).decode(), "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"{shard}:{sequence}",
                "eventName": "aws:kinesis:record", "awsRegion": REGION,
                "eventSourceARN": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}",
            }
            for shard, sequence, data in put
        ]
    }  # fmt: skip


def messages(bodies: Sequence[str], **attributes: str) -> dict[str, Any]:
    """A batch of SQS; the message ids are m0, m1 and so on."""
    return {
        "Records": [
            {
                "messageId": f"m{number}", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...", "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
                "messageAttributes": {
                    name: {"stringValue": value, "dataType": "String", "stringListValues": [], "binaryListValues": []}
                    for name, value in attributes.items()
                },
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:my-queue", "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }  # fmt: skip


def notification(topic: str, message: str, ident: str) -> dict[str, Any]:
    """SNS."""
    return {
        "Records": [
            {
                "EventVersion": "1.0", "EventSource": "aws:sns",
                "EventSubscriptionArn": f"{topic}:21be56ed-a058-49f5-8c98-aedd2564c486",
                "Sns": {
                    "SignatureVersion": "1", "Timestamp": "2026-01-02T12:45:07.000Z", "MessageId": ident,
                    "Message": message, "Type": "Notification", "TopicArn": topic, "Subject": "TestInvoke",
                    "MessageAttributes": {},
                },
            }
        ]
    }  # fmt: skip


def delivery(bodies: Sequence[bytes]) -> dict[str, Any]:
    """A transformation of Firehose; the record ids are r0, r1 and so on."""
    return {
        "invocationId": "invoked123", "region": REGION,
        "deliveryStreamArn": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/raw-users",
        "records": [
            {
                "recordId": f"r{number}", "data": base64.b64encode(body).decode(),
                "approximateArrivalTimestamp": 1772366645000,
            }
            for number, body in enumerate(bodies)
        ],
    }  # fmt: skip


def request(
    method: str, path: str, body: Any = None, query: str = "", stage: str = "$default", **headers: str
) -> dict[str, Any]:
    """API Gateway, payload 2.0; a function URL sends the same."""
    text = body if isinstance(body, str | None) else json.dumps(body)
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "cookies": ["cookie1", "cookie2"],
        "headers": {"host": "id.execute-api.eu-west-2.amazonaws.com", "x-forwarded-proto": "https", **headers},
        "requestContext": {
            "accountId": ACCOUNT, "apiId": "api-id", "domainName": "id.execute-api.eu-west-2.amazonaws.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "id", "routeKey": "$default", "stage": stage, "time": "12/Mar/2020:19:03:58 +0000",
        },
        "body": text, "isBase64Encoded": False,
    }  # fmt: skip
