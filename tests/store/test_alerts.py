"""How often a rule was right, and hours in which nobody is called."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_store.alert_tables import AlertSettings
from stressvision_store.alerts import wilson
from stressvision_store.alerts_raising import is_quiet


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(15, 20)

    assert (round(low, 3), round(high, 3)) == (0.531, 0.888)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_in_its_interval(counts: tuple[int, int]) -> None:
    right, judged = counts
    low, high = wilson(right, judged)

    assert 0 <= low <= right / judged + 1e-12
    assert right / judged - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("begins", "ends", "at", "quiet"),
    [
        (time(22), time(6), "2026-11-21T03:00:00+00:00", True),  # 22:00 in Lima
        (time(22), time(6), "2026-11-21T10:59:59+00:00", True),
        (time(22), time(6), "2026-11-21T11:00:00+00:00", False),
        (time(12), time(13), "2026-11-21T17:30:00+00:00", True),
        (time(12), time(13), "2026-11-21T18:00:00+00:00", False),
        (time(0), time(0), "2026-11-21T18:00:00+00:00", True),
    ],
)
def test_quiet_hours_are_local(begins: time, ends: time, at: str, quiet: bool) -> None:
    settings = AlertSettings(site_id=1, quiet_from=begins, quiet_until=ends)

    assert is_quiet(settings, datetime.fromisoformat(at).astimezone(UTC), "America/Lima") is quiet


def test_without_quiet_hours_none_is_quiet() -> None:
    assert not is_quiet(AlertSettings(site_id=1), datetime.now(UTC), "America/Lima")
