"""What is agreed when totesys sells or buys, and what its designs are called: in the past and in the days to come."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from totesys_simulator.people import ADJECTIVES, FOLDERS, MATERIALS, THINGS

DAY_BEGINS = time(8)
DAY_SECONDS = 11 * 60 * 60
SETTLING = time(7, 55)
LONGEST_DELIVERY = 649
LONG_CONTRACTS = 0.02
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What a sale and a purchase have in common. The dates are ISO text, as the source keeps them."""

    staff_id: int
    counterparty_id: int
    currency_id: int
    delivery_date: str
    payment_date: str
    delivery_location_id: int
    company_account: int
    counterparty_account: int


@dataclass(frozen=True, slots=True)
class Shop:
    """The ids that an order may refer to."""

    staff: tuple[int, ...]
    counterparties: tuple[int, ...]
    currencies: tuple[int, ...]
    addresses: tuple[int, ...]
    designs: tuple[int, ...]


def working(day: date) -> bool:
    """Whether anybody works on `day`."""
    return day.weekday() < SATURDAY


def moment(rng: Random, day: date) -> datetime:
    """A moment of the working day, to the millisecond: 08:00 to 18:59:59.999."""
    return datetime.combine(day, DAY_BEGINS) + timedelta(milliseconds=rng.randrange(DAY_SECONDS * 1000))


def terms(rng: Random, day: date, shop: Shop) -> Terms:
    """Agree on everything but the goods."""
    # Most goods arrive within a fortnight; a few contracts run long.
    days = rng.randint(15, LONGEST_DELIVERY) if rng.random() < LONG_CONTRACTS else rng.randint(1, 14)
    return Terms(
        staff_id=rng.choice(shop.staff),
        counterparty_id=rng.choice(shop.counterparties),
        currency_id=rng.choice(shop.currencies),
        delivery_date=(day + timedelta(days=days)).isoformat(),
        payment_date=(day + timedelta(days=rng.randint(1, 6))).isoformat(),
        delivery_location_id=rng.choice(shop.addresses),
        company_account=rng.randint(10_000_000, 99_999_999),
        counterparty_account=rng.randint(10_000_000, 99_999_999),
    )


def units(rng: Random) -> int:
    """How many are sold at once."""
    return rng.randint(1_001, 99_973)


def unit_price(rng: Random) -> Decimal:
    """What one of them costs: 2.00 to 4.00."""
    return Decimal(rng.randint(200, 400)).scaleb(-2)


def item_code(rng: Random) -> str:
    """What a purchased item is called by those who sell it."""
    return "".join(rng.choices(string.ascii_uppercase + string.digits, k=7))


def item_quantity(rng: Random) -> int:
    """How many are bought at once."""
    return rng.randint(1, 999)


def item_unit_price(rng: Random) -> Decimal:
    """What one bought item costs: 1.00 to 999.99."""
    return Decimal(rng.randint(100, 99_999)).scaleb(-2)


def design(rng: Random, day: date) -> tuple[str, str, str]:
    """Name a design: its name, the folder of its file and the file's name."""
    name = f"{rng.choice(ADJECTIVES)} {rng.choice(MATERIALS)} {rng.choice(THINGS)}"
    suffix = "".join(rng.choices(string.ascii_lowercase + string.digits, k=4))
    return name, rng.choice(FOLDERS), f"{name.lower().replace(' ', '-')}-{day:%Y%m%d}-{suffix}.json"
