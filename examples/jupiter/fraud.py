"""The rules that flag a user, and what they remember.

A rule sees the transactions that came after its own last flag for the user, six months of them at most, in the order of
the moments at which they occurred. A flag uses up every transaction known by then. Amounts of different currencies are
never compared. Months are calendar months; "within" takes both ends in.
"""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import field

from asterism import Record

WHOLE = 10_000
"""Hundredths of a cent in a whole unit of a currency."""
VERY_LARGE, BENCHMARK = 100_000 * WHOLE, 50_000 * WHOLE
MONTHS = 6


class Seen(Record, array_like=True):
    """A saving or a withdrawal, in hundredths of a cent."""

    at: datetime
    amount: int
    currency: str
    saved: bool


class Watch(Record):
    """What is remembered of a user: the last six months, and how far each rule has used them up."""

    seen: tuple[Seen, ...] = ()
    flagged: dict[str, datetime] = field(default_factory=dict)


Rule = Callable[[Sequence[Seen]], str | None]


def look(watch: Watch, new: Seen) -> tuple[Watch, dict[str, str]]:
    """Take a transaction in; answer what is known then, and the reasons of the rules that it meets."""
    seen = sorted([*watch.seen, new], key=lambda each: each.at)
    latest = seen[-1].at
    reasons = {}
    for label, rule in RULES.items():
        since = watch.flagged.get(label)
        reason = rule([each for each in seen if since is None or each.at > since])
        if reason is not None:
            reasons[label] = reason
    kept = tuple(each for each in seen if each.at >= months_before(latest, MONTHS))
    return Watch(seen=kept, flagged=watch.flagged | dict.fromkeys(reasons, latest)), reasons


def very_large(seen: Sequence[Seen]) -> str | None:
    """A saving above 100,000."""
    found = max((each for each in seen if each.saved), key=lambda each: each.amount, default=None)
    if found is None or found.amount <= VERY_LARGE:
        return None
    return f"saved {shown(found)} at {found.at:%Y-%m-%d %H:%M:%S}, above {VERY_LARGE // WHOLE:,}"


def above_benchmark(seen: Sequence[Seen]) -> str | None:
    """Three savings above 50,000 within six months."""
    large = [each for each in seen if each.saved and each.amount > BENCHMARK]
    for first, third in zip(large, large[2:], strict=False):
        if months_before(third.at, MONTHS) <= first.at:
            those = [each for each in large if first.at <= each.at <= third.at]
            amounts = ", ".join(shown(each) for each in those)
            return f"saved {amounts} within six months, each above {BENCHMARK // WHOLE:,}"
    return None


def above_average(seen: Sequence[Seen]) -> str | None:
    """The latest saving is more than ten times the average of the six months before it."""
    savings = [each for each in seen if each.saved]
    if not savings:
        return None
    *before, latest = savings
    begin = months_before(latest.at, MONTHS)
    amounts = [each.amount for each in before if each.currency == latest.currency and begin <= each.at < latest.at]
    if not amounts or latest.amount * len(amounts) <= 10 * sum(amounts):
        return None
    average = sum(amounts) / len(amounts) / WHOLE
    return f"saved {shown(latest)}, more than 10 times the average of {average:,.2f} over the six months before"


def withdrawals(more_than: int, after: timedelta, within: timedelta) -> Rule:
    """More than so many withdrawals of 95 to 100 % of a saving that came before, at most `after` earlier."""

    def rule(seen: Sequence[Seen]) -> str | None:
        savings = [each for each in seen if each.saved]
        taken = [each for each in seen if not each.saved and any(_takes_back(each, saved, after) for saved in savings)]
        for first, last in zip(taken, taken[more_than:], strict=False):
            if last.at - first.at <= within:
                those = [each for each in taken if first.at <= each.at <= last.at]
                amounts = ", ".join(shown(each) for each in those)
                hours = after // timedelta(hours=1)
                return (
                    f"{len(those)} withdrawals in {within.days} days ({amounts}), each of 95 to 100 % of a saving "
                    f"at most {hours} hours before"
                )
        return None

    return rule


def _takes_back(taken: Seen, saved: Seen, after: timedelta) -> bool:
    return (
        taken.currency == saved.currency
        and timedelta(0) < taken.at - saved.at <= after
        and saved.amount * 95 <= taken.amount * 100 <= saved.amount * 100
    )


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time so many calendar months earlier; the month's last day where it has none."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def shown(each: Seen) -> str:
    """An amount for people."""
    whole, rest = divmod(each.amount, WHOLE)
    return f"{whole:,}{f'.{rest:04d}'.rstrip('0') if rest else ''} {each.currency}"


RULES: dict[str, Rule] = {
    "single_very_large_saving_event": very_large,
    "saving_events_greater_than_benchmark_within_six_months": above_benchmark,
    "latest_saving_event_greater_than_six_months_average": above_average,
    "withdrawals_within_two_days_of_saving_events_during_one_month": withdrawals(
        3, timedelta(hours=48), timedelta(days=30)
    ),
    "withdrawals_within_one_day_of_saving_events_during_one_week": withdrawals(
        1, timedelta(hours=24), timedelta(days=7)
    ),
}
