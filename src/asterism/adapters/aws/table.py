"""A DynamoDB table whose key is (`pk`, `sk`), both texts: requests page by page, part by part, and tried again."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from asterism.adapters.aws.service import Service, code

_T = TypeVar("_T")
Item = Mapping[str, Any]

_LONGEST_ID = 900
"""Bytes of an id in a sort key, with room for what stands around it."""
_PATIENCE = 20.0
"""Seconds for which a transaction is tried that another one, or the table's limits, turned away."""
_BUSY = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_making = threading.Lock()


class RefusedError(Exception):
    """The condition of a write did not hold."""


class Table:
    """One table; made where it is not there and that is allowed. Raises what boto3 does. Several threads may use it."""

    def __init__(self, service: Service, index: str = "") -> None:
        """`index` names a number by which the local index `changes` sorts the items of one `pk`."""
        self.name = service.name
        self._index = index
        self._client = service.client("dynamodb")

    def call(self, operation: str, **given: Any) -> Any:
        """Ask the table. Raises RefusedError where a condition does not hold."""
        try:
            return self._ask(operation, TableName=self.name, **given)
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                raise RefusedError from error
            raise

    def _ask(self, operation: str, **given: Any) -> Any:
        """Ask, and once more after making the table where it is not there."""
        try:
            return getattr(self._client, operation)(**given)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
        self._make()
        return getattr(self._client, operation)(**given)

    def query(self, partition: str, condition: str = "", value: Item | None = None, **given: Any) -> Iterator[Item]:
        """The items of a partition in order, consistently: those that meet `condition`, in which `:value` stands."""
        values: dict[str, Item] = {":pk": {"S": partition}}
        told = "pk = :pk"
        if value is not None:
            told, values[":value"] = f"{told} AND {condition}", value
        start: dict[str, Any] = {}
        while True:
            page = self.call(
                "query", KeyConditionExpression=told, ExpressionAttributeValues=values, ConsistentRead=True, **given,
                **start,
            )  # fmt: skip
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def get(self, keys: Iterable[Item]) -> Iterator[Item]:
        """The items of keys that stand in the table, consistently."""
        for some in batches(keys, 100):
            waiting: Any = {self.name: {"Keys": some, "ConsistentRead": True}}
            while waiting:
                done = self._ask("batch_get_item", RequestItems=waiting)
                yield from done["Responses"].get(self.name, ())
                waiting = done.get("UnprocessedKeys")

    def write(self, items: Iterable[Item]) -> None:
        """Put items, each by itself."""
        self._batch({"PutRequest": {"Item": dict(item)}} for item in items)

    def delete(self, keys: Iterable[Item]) -> None:
        """Remove items, whether they stand or not."""
        self._batch({"DeleteRequest": {"Key": dict(key)}} for key in keys)

    def _batch(self, requests: Iterable[Item]) -> None:
        for some in batches(requests, 25):
            waiting: Any = {self.name: some}
            while waiting:
                waiting = self._ask("batch_write_item", RequestItems=waiting).get("UnprocessedItems")

    def transact(self, actions: Sequence[Item]) -> None:
        """All of the actions, or none; they name no table. Raises RefusedError where a condition does not hold."""
        named = [{kind: {"TableName": self.name, **action}} for each in actions for kind, action in each.items()]
        end, pause = time.monotonic() + _PATIENCE, 0.02
        while True:
            try:
                self._client.transact_write_items(TransactItems=named)
            except ClientError as error:
                reasons = {each.get("Code") for each in error.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in reasons:
                    raise RefusedError from error
                if code(error) == "ResourceNotFoundException" and time.monotonic() < end:
                    self._make()
                    continue
                again = reasons & _BUSY or code(error) == "TransactionInProgressException"
                if not again or time.monotonic() > end:
                    raise
            else:
                return
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two do not meet again
            pause = min(pause * 2, 1.0)

    def _make(self) -> None:
        """Make the table; who does so beside us has made it."""
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        index: dict[str, Any] = {}
        if self._index:
            types.append({"AttributeName": self._index, "AttributeType": "N"})
            by = [keys[0], {"AttributeName": self._index, "KeyType": "RANGE"}]
            made = {"IndexName": "changes", "KeySchema": by, "Projection": {"ProjectionType": "ALL"}}
            index = {"LocalSecondaryIndexes": [made]}
        with _making:
            try:
                self._client.create_table(
                    TableName=self.name, BillingMode="PAY_PER_REQUEST", KeySchema=keys, AttributeDefinitions=types,
                    **index,
                )  # fmt: skip
            except ClientError as error:
                if code(error) != "ResourceInUseException":
                    raise
            waiter = self._client.get_waiter("table_exists")
            waiter.wait(TableName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
            ttl = {"Enabled": True, "AttributeName": "ttl"}
            with contextlib.suppress(ClientError):  # it is on already
                self._client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=ttl)


def sortable(identifier: str) -> str:
    """An id as it stands in a sort key, which ends at a kilobyte: a longer one as its hash."""
    data = identifier.encode()
    return identifier if len(data) <= _LONGEST_ID else sha256(data).hexdigest()


def batches(
    values: Iterable[_T], count: int, size: Callable[[_T], int] = lambda _: 0, most: int = 1
) -> Iterator[list[_T]]:
    """Values in lists of at most `count`, and of `most` bytes together where `size` tells theirs."""
    some: list[_T] = []
    taken = 0
    for value in values:
        if some and (len(some) == count or taken + size(value) > most):
            yield some
            some, taken = [], 0
        some.append(value)
        taken += size(value)
    if some:
        yield some
