"""The predicate that widens a row's 32-bit transaction id and compares it with a horizon, with made-up values."""

from __future__ import annotations

import pytest
from conftest import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asterism.adapters.postgres.session import Session
from asterism.adapters.postgres.snapshot import changed, settings_since

EPOCH = 2**32


def _widened(xmin: int, xmax: int) -> int:
    """The definition: the snapshot's epoch, one lower where the id exceeds the lower half of its xmax."""
    epoch, low = divmod(xmax, EPOCH)
    return (epoch - (xmin > low)) * EPOCH + xmin


def _changed(session: Session, xmin: int, horizon: int, xmax: int) -> bool:
    with session.snapshot():
        session.set({"asterism.row": str(xmin), **settings_since("horizon", horizon, xmax)})
        row = "current_setting('asterism.row')"
        return bool(session.rows(f"select {changed('horizon', row)} as changed")[0][0])


@pytest.fixture
def session(database: Database):
    session = Session(database.url, "made up")
    yield session
    session.close()


@pytest.mark.parametrize(
    ("xmin", "horizon", "xmax", "expected"),
    [
        (1000, 1000, 1010, True),
        (999, 1000, 1010, False),
        (1009, 1000, 1010, True),
        (2, 1000, 1010, False),
        (1, 1, 1010, False),
        (EPOCH - 5, 1000, 1010, False),  # of the epoch before: old
        (EPOCH - 5, EPOCH - 10, EPOCH + 20, True),  # the window spans the wrap
        (EPOCH - 11, EPOCH - 10, EPOCH + 20, False),
        (10, EPOCH - 10, EPOCH + 20, True),
        (2, EPOCH - 10, EPOCH + 20, False),  # ids below 3 never stand for a transaction
        (21, EPOCH - 10, EPOCH + 20, False),
        (7, 5 * EPOCH + 5, 5 * EPOCH + 10, True),
        (4, 5 * EPOCH + 5, 5 * EPOCH + 10, False),
        (1000, 1000, 1000, True),  # at the horizon itself, which no visible row is
    ],
)
def test_an_id_counts_as_changed_from_the_horizon_on(session, xmin, horizon, xmax, expected) -> None:
    assert _changed(session, xmin, horizon, xmax) is expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(horizon=st.integers(3, 7 * EPOCH), window=st.integers(0, 2**31 - 1), back=st.integers(1, EPOCH - 1))
def test_the_distance_agrees_with_the_widening(session, horizon, window, back) -> None:
    xmax = horizon + window
    xmin = (xmax - back) % EPOCH  # any id that a visible row can have
    if xmax - back < 3:
        return
    assert _changed(session, xmin, horizon, xmax) is (xmin >= 3 and _widened(xmin, xmax) >= horizon)
