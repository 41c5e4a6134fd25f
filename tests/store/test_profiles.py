"""What a site's profile forbids is neither counted nor shown, whatever was sent; and who may change it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from stressvision_store import profiles
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.looks import look_at_everybody

pytestmark = pytest.mark.db

DAY = date(2026, 11, 4)
AT = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)
"""08:00 in Lima, in the morning shift."""


class Site:
    """One station in Lima with a device that sees stress and fatigue, whatever its site's profile is."""

    def __init__(self, database: Database, connection: plants.Connection) -> None:
        self.database, self.connection = database, connection
        self.plant = plants.build_plant(connection, first_date=DAY, stations=1)
        self.id, self.device = self.plant.sites[0], self.plant.devices[0]

    def periods(self, *periods: tuple[str, str]) -> None:
        """(profile, since), and the last of them is the site's."""
        self.connection.execute("DELETE FROM profile_periods WHERE site_id = %s", [self.id])
        for profile, since in periods:
            self.connection.execute("INSERT INTO profile_periods VALUES (%s, %s, %s)", [self.id, since, profile])
        self.connection.execute("ALTER TABLE sites DISABLE TRIGGER sites_profile")
        self.connection.execute("UPDATE sites SET profile = %s", [periods[-1][0]])

    def see(self, minutes: int) -> None:
        """A window a minute from 08:00 on, and an episode of stress and of fatigue every five."""
        random, events = Random(1), []
        for minute in range(minutes):
            at = AT + timedelta(minutes=minute)
            events.append(plants.window(self.device, at, random) | {"coverage_ppm": 1_000_000})
            if minute % 5 == 0:
                for condition in (1, 2):
                    events += [event | {"condition": condition} for event in plants.episode(self.device, at, random)]
        plants.store_events(self.connection, events)
        with transaction(self.database.engine("worker")) as session:
            drain(session)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        return list(self.connection.cursor(row_factory=dict_row).execute(statement))  # type: ignore[call-overload]


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        yield Site(database, connection)


def test_under_fatigue_only_no_stress_is_counted(site: Site) -> None:
    site.periods(("fatigue_only", "2000-01-01Z"))
    site.see(10)

    for row in site.rows("SELECT * FROM rollup_windows"):
        assert [row[f"{label}_ms"] for label in ("neutral", "stress", "sad", "happy")] == [0] * 4
        assert [row[f"{label}_weight"] for label in ("neutral", "stress", "sad", "happy")] == [0] * 4
        assert row["fatigue_ms"] > 0
        assert row["observed_ms"] == 300_000
        assert (row["stress_episodes"], row["fatigue_episodes"]) == (0, 1)


def test_under_off_nothing_is_anybodys(site: Site) -> None:
    site.periods(("off", "2000-01-01Z"))
    site.see(10)

    assert site.rows("SELECT FROM rollup_windows") == []
    reasons = site.rows("SELECT reason, sum(windows)::int AS windows FROM unattributed_windows GROUP BY 1")
    assert reasons == [{"reason": "profile", "windows": 10}]


def test_what_counts_is_the_profile_of_the_moment_not_of_today(site: Site) -> None:
    site.periods(("safety", "2000-01-01Z"), ("fatigue_only", "2026-11-04T13:05Z"), ("safety", "2026-11-04T13:10Z"))
    site.see(15)

    rows = site.rows("SELECT stress_ms, stress_episodes, fatigue_episodes FROM rollup_windows ORDER BY bucket_at")

    assert [row["stress_ms"] > 0 for row in rows] == [True, False, True]
    assert [(row["stress_episodes"], row["fatigue_episodes"]) for row in rows] == [(1, 1), (0, 1), (1, 1)]


def test_views_give_no_figure_for_what_was_not_looked_at(site: Site) -> None:
    site.periods(("safety", "2000-01-01Z"), ("fatigue_only", "2026-11-04T13:05Z"), ("safety", "2026-11-04T13:10Z"))
    site.see(15)
    look_at_everybody(site.connection)

    windows = site.rows("SELECT stress_share, fatigue_share FROM safety.person_windows ORDER BY bucket_at")
    (shift,) = site.rows("SELECT stress_episodes, fatigue_episodes FROM safety.person_shifts")

    assert [row["stress_share"] is None for row in windows] == [False, True, False]
    assert all(row["fatigue_share"] is not None for row in windows)
    assert shift == {"stress_episodes": None, "fatigue_episodes": 3}


@pytest.mark.parametrize(
    ("profile", "stress", "rows"), [("safety", True, 2), ("fatigue_only", False, 2), ("off", False, 0)]
)
def test_views_show_what_the_present_profile_allows(site: Site, profile: str, stress: bool, rows: int) -> None:
    site.see(10)
    site.periods(("safety", "2000-01-01Z"), (profile, "2026-11-20Z"))
    look_at_everybody(site.connection)

    shown = site.rows("SELECT stress_share FROM safety.person_windows")

    assert len(shown) == rows
    assert all((row["stress_share"] is not None) == stress for row in shown)
    assert len(site.rows("SELECT FROM safety.person_shifts")) == min(rows, 1)


def test_a_change_is_noted_with_its_moment(site: Site) -> None:
    with transaction(site.database.engine("control")) as session:
        change = profiles.change_profile(session, site.id, "fatigue_only", actor="Ana (token 1)", reason=None)
        at = change.decided_at

    periods = site.rows("SELECT profile, since FROM profile_periods ORDER BY since")

    assert [row["profile"] for row in periods] == ["safety", "fatigue_only"]
    assert periods[1]["since"] == at


def test_the_control_role_cannot_widen_a_profile_alone(site: Site) -> None:
    with psycopg.connect(site.database.url("control"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE sites SET profile = 'full'")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "INSERT INTO profile_changes "
                "(site_id, before, after, reason, state, proposed_by, expires_at, decided_by, decided_at) VALUES "
                "(%s, 'safety', 'full', 'why', 'applied', 'Ana (token 1)', now(), 'Ana (token 2)', now())",
                [site.id],
            )
    assert site.rows("SELECT profile FROM sites") == [{"profile": "safety"}]


def test_a_proposal_starts_from_what_holds(site: Site) -> None:
    engine = site.database.engine("control")
    with transaction(engine) as session:
        with pytest.raises(InvalidError, match="say why"):
            profiles.change_profile(session, site.id, "full", actor="Ana", reason=None)
        number = profiles.change_profile(session, site.id, "full", actor="Ana", reason="agreed").id or 0
    with transaction(engine) as session:
        profiles.change_profile(session, site.id, "off", actor="Luis", reason=None)
    with transaction(engine) as session, pytest.raises(ConflictError, match="rejected"):
        profiles.confirm_change(session, number, actor="Luis")
