"""A made-up bank: persons who open accounts, save, withdraw, use boosts or let them expire; a few are up to no good."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from asterism.simulators import Timed

FIRST_DAY = datetime(2026, 1, 1)
_EPOCH = datetime(1970, 1, 1)
NEWCOMERS = (2, 9)
CURRENCY = "ZAR"


@dataclass
class Person:
    """Somebody with an account. `eager` is the chance that they save on a day, `typical` what they save then."""

    number: int
    eager: float
    typical: int
    is_rogue: bool
    savings: int = 0

    def event(self, kind: str, at: datetime, **context: Any) -> Timed:
        """What a service tells of them."""
        known = {"accountId": f"a-{self.number}", **context}
        timestamp = (at - _EPOCH) // timedelta(milliseconds=1)
        return Timed(at, {"userId": f"u-{self.number}", "eventType": kind, "timestamp": timestamp, "context": known})


def live(random: Random) -> Iterator[Timed]:
    """Days without end, each in the order of its events."""
    persons: list[Person] = []
    numbers = count(1)
    for number in count():
        day = FIRST_DAY + timedelta(days=number)
        events: list[Timed] = []
        for _ in range(random.randint(*NEWCOMERS)):
            person = _newcomer(random, next(numbers))
            persons.append(person)
            events += _opening(random, person, day)
        for person in persons:
            if _happens(random, person.eager):
                events += _saving(random, person, day)
        yield from sorted(events, key=lambda each: each.at)


def _happens(random: Random, chance: float) -> bool:
    return random.random() < chance


def _newcomer(random: Random, number: int) -> Person:
    typical = max(10, round(random.lognormvariate(5.5, 0.8), -1))
    return Person(number, random.betavariate(1.2, 9), typical, _happens(random, 0.02))


def _hour(random: Random, day: datetime) -> datetime:
    """A moment of the day; hardly anybody is up at night."""
    return day + timedelta(hours=min(max(random.gauss(15, 4), 0.1), 21.0), milliseconds=random.randrange(3_600_000))


def _opening(random: Random, person: Person, day: datetime) -> Iterator[Timed]:
    at = _hour(random, day)
    yield person.event("USER_CREATED_ACCOUNT", at)
    if _happens(random, 0.6):
        yield from _saving(random, person, day, at + timedelta(minutes=random.uniform(1, 40)))


def _saving(random: Random, person: Person, day: datetime, at: datetime | None = None) -> Iterator[Timed]:
    at = at or _hour(random, day)
    person.savings += 1
    amount = max(10, round(random.gauss(person.typical, person.typical / 4)))
    if person.is_rogue and _happens(random, 0.3):
        amount *= random.choice((30, 400))
    paid = f"t-{person.number}-{person.savings}"
    first = {"firstSave": person.savings == 1, "saveCount": person.savings, "transactionId": paid}
    yield person.event("SAVING_PAYMENT_SUCCESSFUL", at, savedAmount=f"{amount}::WHOLE_CURRENCY::{CURRENCY}", **first)
    if _happens(random, 0.3):
        boost = f"b-{person.number}-{person.savings}"
        yield person.event("BOOST_CREATED", at + timedelta(seconds=1), boostId=boost)
        ended, after = random.choice((("BOOST_REDEEMED", 20), ("BOOST_EXPIRED", 60)))
        yield person.event(ended, at + timedelta(minutes=after), boostId=boost)
    if _happens(random, 0.8 if person.is_rogue else 0.03):
        taken = amount * 97 if person.is_rogue else amount * random.randint(5, 60)
        yield person.event(
            "WITHDRAWAL_EVENT_CONFIRMED",
            at + timedelta(minutes=random.uniform(30, 80)),
            withdrawalAmount=f"{taken}::WHOLE_CENT::{CURRENCY}",
            transactionId=f"{paid}-w",
        )
