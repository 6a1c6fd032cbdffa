"""Notifications of stores, as they send them: what they name is read, and everything else is no matter."""

import json

import pytest

from asterism.adapters.files.notices import Named, named

S3 = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "raw"}, "object": {"key": "2024/a+b%20%28x%29.lzo", "size": 3, "eTag": "d41d"}},
}
GCS = {"bucket": "raw", "name": "2024/a b (x).lzo", "size": "3", "kind": "storage#object"}
ATTRIBUTES = {"bucketId": "raw", "objectId": "2024/a b (x).lzo", "eventType": "OBJECT_FINALIZE"}


@pytest.mark.parametrize(
    "notice",
    [
        {"Records": [S3]},
        {"EventName": "s3:ObjectCreated:Put", "Key": "raw/…", "Records": [{**S3, "eventName": "s3:ObjectCreated:Put"}]},
        {"Type": "Notification", "Message": json.dumps({"Records": [S3]})},
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({"Records": [S3]})}}]},
        {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {"bucket": {"name": "raw"}, "object": {"key": "2024/a b (x).lzo"}},
        },
        {"message": {"attributes": ATTRIBUTES, "data": "e30="}, "subscription": "s"},
        {"specversion": "1.0", "type": "google.cloud.storage.object.v1.finalized", "data": GCS},
        GCS,
    ],
    ids=["S3", "MinIO", "SNS", "SNS to Lambda", "EventBridge", "Pub/Sub", "CloudEvent", "Cloud Storage"],
)
def test_each_kind_of_notification_names_its_object(notice):
    assert named(json.dumps(notice).encode()) == [Named("raw", "2024/a b (x).lzo")]


@pytest.mark.parametrize(
    "notice",
    [
        b"no JSON",
        b"[]",
        b"7",
        b'{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"raw"}',
        json.dumps({"Records": [{**S3, "eventName": "ObjectRemoved:Delete"}]}).encode(),
        json.dumps({"Records": [7, {"s3": "what"}, {"s3": {"bucket": {}}}]}).encode(),
        json.dumps({"message": {"attributes": {**ATTRIBUTES, "eventType": "OBJECT_DELETE"}}}).encode(),
        b'{"Message":"no JSON"}',
    ],
)
def test_what_tells_of_no_new_object_names_none(notice):
    assert named(notice) == []
