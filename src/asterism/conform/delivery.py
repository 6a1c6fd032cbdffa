"""What every delivery must do: exercises that an adapter's own tests run against a real one.

    @pytest.mark.parametrize("exercise", DELIVERY_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_delivery_conforms(exercise, make_delivery, delivered):
        exercise(make_delivery, delivered)

`make_delivery` opens one; called again, the same. `delivered` answers the lines that came of a stream, `a` or `b`, as
far as they were put by then, line breaks left out.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from asterism.errors import LogError
from asterism.ports.delivery import Delivery

MakeDelivery = Callable[[], Delivery]
Delivered = Callable[[str], Sequence[bytes]]


def what_was_put_is_delivered(make_delivery: MakeDelivery, delivered: Delivered) -> None:
    """Each line, byte for byte, to its stream: small and large, thousands of them, and none where none was put."""
    delivery = make_delivery()
    lines = [b'{"n":%d,"text":"\xc3\xa9 \xe2\x98\x83"}' % number for number in range(3_000)]
    large = [b'{"n":%d,"text":"%s"}' % (number, b"x" * 400_000) for number in range(12)]
    delivery.put("a", [])
    delivery.put("a", lines)
    delivery.put("b", [*large, lines[0]])
    assert Counter(delivered("a")) >= Counter(lines)
    assert Counter(delivered("b")) >= Counter([*large, lines[0]])
    assert set(delivered("a")) == set(lines)


def several_threads_put_side_by_side(make_delivery: MakeDelivery, delivered: Delivered) -> None:
    """No line is lost, and none is torn."""
    delivery = make_delivery()
    parts = [[b'{"who":%d,"n":%d}' % (who, number) for number in range(200)] for who in range(4)]
    threads = [threading.Thread(target=delivery.put, args=("a", part)) for part in parts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(delivered("a")) == {line for part in parts for line in part}


def what_is_too_large_is_refused_before_anything_is_put(make_delivery: MakeDelivery, delivered: Delivered) -> None:
    """With what to do about it: nothing of the call is half there."""
    delivery = make_delivery()
    assert _refusal(delivery, "a", b'{"n":1}', b'{"text":"%s"}' % (b"x" * 30_000_000)).remedy
    assert delivered("a") == []


def a_stream_that_is_not_there_is_told(make_delivery: MakeDelivery, delivered: Delivered) -> None:
    """By its name, as an error of the log: whoever appends knows what to do with that."""
    assert "unknown" in _refusal(make_delivery(), "unknown", b"1").subject
    assert delivered("a") == []


def _refusal(delivery: Delivery, stream: str, *lines: bytes) -> LogError:
    try:
        delivery.put(stream, lines)
    except LogError as error:
        return error
    raise AssertionError(f"{stream} took what it cannot have")


DELIVERY_EXERCISES = (
    what_was_put_is_delivered,
    several_threads_put_side_by_side,
    what_is_too_large_is_refused_before_anything_is_put,
    a_stream_that_is_not_there_is_told,
)
