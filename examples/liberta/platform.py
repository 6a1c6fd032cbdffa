"""liberta: files of game events become a star of users, sessions and revenue."""

from asterism import Platform, Record
from asterism.sources import Files

platform = Platform("liberta")


class Data(Record):
    """What happened. Times are seconds since 1970, amounts minor units."""

    category: str
    user_id: str
    session_id: str
    session_num: int | None = None
    client_ts: int | None = None
    amount: int | None = None
    android_id: str | None = None
    attempt_num: int | None = None
    connection_type: str | None = None
    jailbroken: bool | None = None
    length: int | None = None
    limited_ad_tracking: bool | None = None
    manufacturer: str | None = None
    platform: str | None = None
    score: float | None = None
    value: float | None = None
    v: int | None = None


class UserMeta(Record):
    """The user as of then. What `is_` something is true or absent."""

    cohort_month: int | None = None
    cohort_week: int | None = None
    first_build: str | None = None
    install_hour: int | None = None
    install_ts: int | None = None
    is_converting: bool | None = None
    is_paying: bool | None = None
    origin: str | None = None
    pay_ft: int | None = None
    revenue: dict[str, int] | None = None
    """By currency, what the user had paid altogether by then: not an amount to add up."""


class Event(Record):
    """One line of a file."""

    arrival_ts: int
    data: Data
    country_code: str | None = None
    user_meta: UserMeta | None = None


# A new field stays in the column _extra until it is declared; a new currency is no new field.
rawevents = platform.pull(
    Files("${RAWEVENTS_URL}", "**/*", table="events", record=Event),
    into="rawevents",
    every="500ms",
)

# For tools that ask PostgreSQL. Nothing is published where ANALYSIS_URL is not set.
platform.publish(["d_user", "d_session", "f_revenue"], to="${ANALYSIS_URL:-}", schema="analysis")
