"""jupiter: what the services and the app of a savings bank tell, in one table; metrics, funnels, fraud rules, mails."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fraud import Seen, Watch, look
from life import live
from msgspec import Meta
from savings import TRANSACTIONS, hundredth_cents, moment

from asterism import Platform, Record
from asterism.sources import Amplitude, Sns

platform = Platform("jupiter")

Text = Annotated[str, Meta(min_length=1)]
Accuracy = Literal["PENDING_CONFIRMATION", "FALSE_ALARM", "ACCURATE_PREDICTION"]


class Event(Record):
    """What a service tells: who did what, and when, in milliseconds since 1970 (UTC)."""

    userId: Text  # noqa: N815 - as the services call it
    eventType: Text  # noqa: N815 - as the services call it
    timestamp: Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
    context: dict[str, Any] | None = None


class Behaviour(Record):
    """Money that moved, in hundredths of a cent."""

    user_id: str
    account_id: str
    transaction_type: Literal["SAVING_EVENT", "WITHDRAWAL"]
    amount: int
    currency: str
    time_transaction_occurred: datetime


class Flag(Record):
    """A rule's suspicion of a user; `reason` has its figures."""

    user_id: str
    account_id: str
    rule_label: str
    reason: str


class Review(Record):
    """What a person found out about a flag. The latest one counts."""

    flagId: Text  # noqa: N815 - as the other events have it
    accuracy: Accuracy
    reviewer: str = ""


class DailyRun(Record):
    """Calls for a pull or a report by its name; without one, for all."""

    schedule: str = ""


sns_events = platform.stream("sns-events", Event, key="userId")
user_behaviour = platform.stream("user-behaviour", Behaviour, key="user_id")
fraud_flags = platform.stream("fraud-flags", Flag, key="user_id")
flag_reviews = platform.stream("flag-reviews", Review, key="flagId")
daily_runs = platform.stream("daily-runs", DailyRun)

platform.endpoint(Sns(topics=["${SNS_TOPICS}"], raw=True), into=sns_events)
platform.pull(
    Amplitude("${AMPLITUDE_KEY}", "${AMPLITUDE_SECRET}", url="${AMPLITUDE_URL}"), into="amplitude", at="0 3 * * *"
)
platform.trigger(daily_runs)

platform.report(
    "daily-metrics",
    ["daily_metrics", "amount_saved"],
    to=["${REPORT_TO}"],
    at="0 5 * * *",
    subject="jupiter: metrics of {day}",
)
platform.report(
    "funnel-drop-offs",
    ["funnel_drop_offs", "funnel_recoveries"],
    to=["${REPORT_TO}"],
    at="0 5 * * *",
    subject="jupiter: where users dropped off on {day}",
)
platform.simulator(sns_events)(live)


@platform.transform(sns_events, into=user_behaviour)
def behave(event: Event) -> Behaviour | None:
    """The money that an event moved. One that does not say how much is set aside, and stays in the table of events."""
    if event.eventType not in TRANSACTIONS:
        return None
    kind, fields = TRANSACTIONS[event.eventType]
    context = event.context or {}
    said = next((context[name] for name in fields if name in context), None)
    amount, currency = hundredth_cents(said)
    account = context.get("accountId")
    if not isinstance(account, str) or not account:
        raise ValueError("context.accountId does not name an account")
    return Behaviour(
        user_id=event.userId,
        account_id=account,
        transaction_type="SAVING_EVENT" if kind == "SAVING_EVENT" else "WITHDRAWAL",
        amount=amount,
        currency=currency,
        time_transaction_occurred=moment(event.timestamp),
    )


@platform.view(user_behaviour, into=fraud_flags)
def fraud(watch: Watch, moved: Behaviour) -> tuple[Watch, list[Flag]]:
    """What the rules know of a user. Each rule looks at what came after its last flag only."""
    seen = Seen(
        at=moved.time_transaction_occurred,
        amount=moved.amount,
        currency=moved.currency,
        saved=moved.transaction_type == "SAVING_EVENT",
    )
    watch, reasons = look(watch, seen)
    flags = [
        Flag(user_id=moved.user_id, account_id=moved.account_id, rule_label=rule, reason=reason)
        for rule, reason in reasons.items()
    ]
    return watch, flags
