import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from asterism.run.values import as_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("NULL", "NULL"),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**62), "-4611686018427387904"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(7, 55, 1, 500000), "07:55:01.500000"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (timedelta(days=1, seconds=2), "P1DT2S"),
        (b"\x00\xff", "AP8="),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([Decimal("1.5"), None], ["1.5", None]),
        ({"a": {"b": 2**60}}, {"a": {"b": "1152921504606846976"}}),
    ],
)
def test_values_become_json_without_loss(value, expected):
    assert as_json(value) == expected
    json.dumps(as_json(value), allow_nan=False)
