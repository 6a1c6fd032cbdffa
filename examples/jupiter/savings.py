"""Amounts and moments as the services write them."""

import re
from datetime import datetime, timedelta
from typing import Any

TRANSACTIONS = {
    "SAVING_PAYMENT_SUCCESSFUL": ("SAVING_EVENT", ("savedAmount",)),
    "WITHDRAWAL_EVENT_CONFIRMED": ("WITHDRAWAL", ("withdrawalAmount", "savedAmount")),
}
"""The events that move money: the kind of transaction, and the fields of the context that may say how much."""

UNITS = {"HUNDREDTH_CENT": 1, "WHOLE_CENT": 100, "WHOLE_CURRENCY": 10_000}
"""In hundredths of a cent."""

_AMOUNT = re.compile(r"(\d{1,15})::([A-Z_]+)::([A-Z]{3})")
_EPOCH = datetime(1970, 1, 1)


def hundredth_cents(text: Any) -> tuple[int, str]:
    """The amount and the currency of `amount::unit::currency`. Raises ValueError for anything else."""
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in UNITS:
        raise ValueError(f"{text!r} is no amount: write amount::unit::currency, the unit one of {', '.join(UNITS)}")
    return int(match[1]) * UNITS[match[2]], match[3]


def moment(milliseconds: int) -> datetime:
    """The moment (naive UTC) so many milliseconds after 1970 began. Exact, unlike a float of seconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
