"""Streams that go to the lake alone: of any shape, what is made of them, and what an ordinary one becomes."""

from typing import Any

from asterism import Platform, Record

platform = Platform("clicks")


class Page(Record):
    path: str


class Order(Record):
    number: str
    path: str


clicks = platform.stream("clicks", key="visitor", lake_only=True, keep="30d")
pages = platform.stream("pages", Page, lake_only=True)
orders = platform.stream("orders", Order, id_field="number")
audit = platform.stream("audit-trail", Order, id_field="number", lake_only=True)


@platform.transform(clicks, into=pages)
def seen(click: dict[str, Any]) -> Page:
    return Page(path=click["path"])


@platform.transform(orders, into=audit)
def audited(order: Order) -> Order:
    return order
