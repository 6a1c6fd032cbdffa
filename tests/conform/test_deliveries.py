"""Deliveries to the lake pass the exercises that any must."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest
from firehose_server import Firehose, serving

from asterism.conform.delivery import DELIVERY_EXERCISES, Delivered, MakeDelivery

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Made = tuple[MakeDelivery, Delivered]


@pytest.fixture(params=[0.0, 0.3], ids=["calm", "turning away three in ten"])
def firehose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    from asterism.adapters.aws.firehose import FirehoseDelivery

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    rng = Random(1)
    streams = {
        f"shop-{name}": Firehose(None, f"{name}/", "", "", NOON, turns_away=lambda _: rng.random() < request.param)
        for name in ("a", "b")
    }

    def delivered(stream: str) -> list[bytes]:
        made = streams[f"shop-{stream}"]
        made.flush()
        return [line for body in made.objects.values() for line in gzip.decompress(body).splitlines()]

    with serving(streams) as url:
        yield partial(FirehoseDelivery, f"firehose://shop?region=eu-west-2&endpoint={url}"), delivered


@pytest.mark.parametrize("exercise", DELIVERY_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_firehose_conforms(exercise: Callable[[MakeDelivery, Delivered], None], firehose: Made) -> None:
    exercise(*firehose)
