"""Made-up events of a game, as files: the same for the same seed, in any number.

    python generator/generate.py --events 500000                      # two months, in .asterism/rawevents
    python generator/generate.py --events 5000 --after 500000         # what happens next

One endless life is told: `--after` skips what was written before. Files hold 10,000 events each, packed by lzop, gzip,
zstd and not at all, in turn, unless `--packing` says otherwise.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zstandard
from rich.progress import Progress

from asterism.adapters.files.lzop import packed

BEGIN = 1_530_403_200  # 2018-07-01
MONTH, WEEK, HOUR = 2_592_000, 604_800, 3600
CURRENCIES = {"AU": "AUD", "CZ": "CZK", "CA": "CAD", "HU": "HUF", "DE": "EUR", "GB": "GBP", "NO": "NOK", "PH": "PHP",
              "RU": "RUB", "SE": "SEK", "US": "USD", "ZA": "ZAR"}  # fmt: skip
NEW_COUNTRY, NEW_CURRENCY, NEW_SINCE = "JP", "JPY", 20_000
"""A country that the game comes to after so many sessions."""
CATEGORIES = ("progression",) * 6 + ("design",) * 3 + ("ads",)
PACKINGS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    (".lzo", packed),
    (".gz", lambda content: gzip.compress(content, 6, mtime=0)),
    (".zst", zstandard.ZstdCompressor().compress),
    (".jsonl", bytes),
)
A_FILE = 10_000
NEWCOMERS, SALES = 0.15, 0.03
"""Shares of sessions, and of events."""


@dataclass
class User:
    """A player."""

    number: int
    country: str
    installed: int
    device: str
    manufacturer: str
    origin: str
    sessions: int = 0
    first_paid: int | None = None
    is_converting: bool = False
    revenue: dict[str, int] = field(default_factory=dict)

    def meta(self) -> dict[str, Any]:
        """What events say of the player."""
        known: dict[str, Any] = {
            "cohort_month": int(
                datetime.fromtimestamp(self.installed, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp()
            ),
            "cohort_week": self.installed - (self.installed - BEGIN + 6 * 86_400) % WEEK,
            "first_build": "1.0" if self.number % 3 else "1.1",
            "install_hour": self.installed - self.installed % HOUR,
            "install_ts": self.installed,
            "origin": self.origin,
        }
        if self.is_converting:
            known["is_converting"] = True
        if self.first_paid is not None:
            known |= {"is_paying": True, "pay_ft": self.first_paid, "revenue": dict(self.revenue)}
        return known


def events(seed: int) -> Iterator[dict[str, Any]]:
    """All events there will ever be, in the order in which they arrive."""
    random = Random(seed)
    users: list[User] = []
    now = BEGIN
    session = 0
    while True:
        session += 1
        now += random.randint(10, 140)
        if not users or random.random() < NEWCOMERS:
            countries = [*CURRENCIES, NEW_COUNTRY] if session > NEW_SINCE else [*CURRENCIES]
            users.append(_user(random, len(users) + 1, countries, now))
        # Who came lately plays most.
        user = users[-1 - min(int(random.expovariate(1 / 400)), len(users) - 1)]
        user.sessions += 1
        yield from _session(random, user, session, now)


def _user(random: Random, number: int, countries: list[str], now: int) -> User:
    device, maker = random.choice((("android", "acme"), ("android", "globex"), ("ios", "initech")))
    return User(number, random.choice(countries), now, device, maker, random.choice(("organic", "ad", "friend")))


def _session(random: Random, user: User, number: int, now: int) -> Iterator[dict[str, Any]]:
    common = {
        "user_id": f"u{user.number}",
        "session_id": f"s{number}",
        "session_num": user.sessions,
        "connection_type": random.choice(("wifi", "wwan")),
        "jailbroken": False,
        "limited_ad_tracking": user.number % 5 == 0,
        "manufacturer": user.manufacturer,
        "platform": user.device,
        "v": 2,
    }
    if user.device == "android":
        common["android_id"] = f"{user.number:016x}"
    meta = user.meta()
    for turn in range(count := random.randint(4, 12)):
        data: dict[str, Any] = common | {"client_ts": now + turn - random.randint(0, 8)}
        if turn == count - 1:
            data |= {"category": "session_end", "length": random.randint(30, 3600)}
        elif random.random() < SALES:
            data |= {"category": "business", "amount": random.choice((99, 199, 499, 999))}
            currency = CURRENCIES.get(user.country, NEW_CURRENCY)
            user.revenue[currency] = user.revenue.get(currency, 0) + data["amount"]
            user.first_paid = user.first_paid or data["client_ts"]
            user.is_converting = True
            meta = user.meta()
        else:
            data |= {"category": random.choice(CATEGORIES), "attempt_num": turn + 1, "score": random.randint(0, 500)}
            data["value"] = data["score"] / 4
        yield {"arrival_ts": now + turn, "country_code": user.country, "data": data, "user_meta": meta}


def write(
    folder: Path, count: int, after: int, seed: int, advance: Callable[[int], object], packing: str | None = None
) -> int:
    """Write events `after` + 1 to `after` + `count` of a life, all in one `packing` or in turns; count the files."""
    packings = [each for each in PACKINGS if packing in {None, each[0].removeprefix(".")}]
    life = events(seed)
    for _ in islice(life, after):
        pass
    encoder = msgspec.json.Encoder()
    written = files = 0
    while written < count:
        some = [*islice(life, min(A_FILE, count - written))]
        day = datetime.fromtimestamp(some[0]["arrival_ts"], UTC)
        suffix, pack = packings[files % len(packings)]
        path = folder / f"{day:%Y/%m/%d}" / f"{after + written + 1:09}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}")
        partial.write_bytes(pack(encoder.encode_lines(some)))
        partial.rename(path)
        written += len(some)
        files += 1
        advance(len(some))
    return files


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--after", type=int, default=0, help="events that were written before")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / ".asterism" / "rawevents")
    parser.add_argument("--packing", choices=[suffix.removeprefix(".") for suffix, _ in PACKINGS], help="for all files")
    given = parser.parse_args()
    with Progress() as progress:
        task = progress.add_task("writing events", total=given.events)
        advance = partial(progress.advance, task)
        write(given.folder, given.events, given.after, given.seed, advance, given.packing)


if __name__ == "__main__":
    main()
