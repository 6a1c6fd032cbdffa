"""States in DynamoDB: puts of many transactions, and places too long for its keys."""

from __future__ import annotations

from uuid import uuid4

import pytest
from forwarder import forwarding

from asterism.adapters.aws.state import DynamoState
from asterism.errors import StateError, UsageError
from asterism.ports.state import Kept


@pytest.fixture
def uri(aws):
    return f"dynamodb://views-{uuid4().hex}"


def states(value, count=250):
    return [Kept(f"k{number:04}", value, "0", 1) for number in range(count)]


def test_half_of_a_large_put_is_never_seen_and_the_next_claim_undoes_it(aws, uri):
    state = DynamoState(uri)
    epoch = state.claim("v").epoch
    first = states(b"1", 200)
    state.put("v", epoch, [*first, Kept("other", b"1", "0", 1)], {"0": 1})
    state.put("v", epoch, (), {"0": 2}, dropped=[("k0001", "")])
    standing = [each for each in first if each.key != "k0001"]
    through = []

    def let(target, body, carry):
        through.append(target)
        if "TransactWrite" in target and sum("TransactWrite" in each for each in through) > 2:
            return None
        return carry(body)

    with forwarding(aws["AWS_ENDPOINT_URL"], let) as way:
        dying = DynamoState(f"{uri}?endpoint={way}")
        with pytest.raises(StateError, match="barred"):
            dying.put("v", epoch, states(b"2"), {"0": 3})
    header, changes = state.watch("v", 0)
    assert (header.version, header.offsets) == (2, {"0": 2})
    assert [change for _, change in changes] == [*standing, Kept("other", b"1", "0", 1)]
    assert state.watch("v", 1)[1] == [(2, ("k0001", ""))]
    assert [*state.scan("v")][:-1] == standing
    assert set(state.get("v", [(each.key, "") for each in states(b"2")]).values()) == set(standing)

    epoch = state.claim("v").epoch
    assert [*state.scan("v")][:-1] == standing
    state.put("v", epoch, [Kept("k0000", b"3", "0", 3)], {"0": 3})
    told = [change for _, change in state.watch("v", 2)[1]]
    assert Kept("k0000", b"3", "0", 3) in told
    assert all(each in told or each.key > "k0097" for each in standing[1:])
    assert not any(isinstance(each, Kept) and each.value == b"2" for each in told)
    assert [each.value for each in state.scan("v", limit=2)] == [b"3", b"1"]


def test_places_beyond_the_length_of_a_key_keep_their_order(aws, uri):
    state = DynamoState(uri)
    epoch = state.claim("v").epoch
    every = sorted(Kept("k" * count, b"1", "0", 1, window) for count in (799, 800, 900, 901) for window in ("", "w"))
    state.put("v", epoch, every, {"0": 1})
    assert state.scan("v") == every
    for number, each in enumerate(every):
        assert state.scan("v", (each.key, each.window), limit=2) == every[number + 1 : number + 3]
        assert state.scan("v", key=each.key) == [one for one in every if one.key == each.key]


def test_a_state_that_an_item_cannot_hold_is_refused(aws, uri):
    state = DynamoState(uri)
    epoch = state.claim("v").epoch
    with pytest.raises(StateError, match="fold less into one state"):
        state.put("v", epoch, [Kept("k", b"x" * 200_000, "0", 1)], {"0": 1})
    state.put("v", epoch, [Kept(f"k{n}", b"x" * 150_000, "0", 1) for n in range(30)], {"0": 1})
    assert len(state.scan("v")) == 30


def test_an_option_that_is_not_known_is_refused():
    with pytest.raises(UsageError, match="no option 'regoin'"):
        DynamoState("dynamodb://table?regoin=eu-west-2")
