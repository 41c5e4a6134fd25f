"""One moment at a time: whose is it? Each case says the rule that it holds."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import psycopg
import pytest

from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from support import plants
from support.database import Database

pytestmark = pytest.mark.db

DAY = date(2026, 11, 4)
"""A Wednesday."""


def lima(hour: int, minute: int = 0, *, day: int = 4) -> datetime:
    """Lima is five hours behind UTC all year."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) + timedelta(hours=5)


class Post:
    """A station in Lima: device `device`; morning, afternoon and night people with roster and consent."""

    def __init__(self, database: Database, connection: plants.Connection, zone: str = "America/Lima") -> None:
        self.database = database
        self.connection = connection
        self.plant = plants.build_plant(connection, first_date=DAY, zones=(zone,), stations=2)
        self.device, self.other_device = self.plant.devices
        self.station, self.other_station = self.plant.stations
        self.morning, self.afternoon, self.night, self.elsewhere, *_ = self.plant.employees
        self.shifts = dict(zip(("morning", "afternoon", "night"), self.plant.shifts, strict=True))

    def run(self, statement: str, *values: object) -> None:
        self.connection.execute(statement, values)

    def check_in(self, employee: int, at: datetime, *, station: int = 0, out: datetime | None = None) -> None:
        self.run(
            "INSERT INTO check_ins (employee_id, station_id, checked_in_at, checked_out_at) VALUES (%s, %s, %s, %s)",
            employee, station or self.station, at, out,
        )  # fmt: skip

    def whose(self, at: datetime) -> object:
        """(employee, shift, date) of a moment in front of the device, or the reason why it is nobody's."""
        self.run("DELETE FROM events")
        plants.store_events(self.connection, [plants.window(self.device, at, Random(1))])
        with transaction(self.database.engine("worker")) as session:
            drain(session)
        found = self.connection.execute(
            "SELECT employee_id, (SELECT name FROM shifts WHERE id = shift_id), shift_date FROM rollup_windows"
        ).fetchall()
        reasons = self.connection.execute("SELECT reason FROM unattributed_windows").fetchall()
        for table in ("rollup_windows", "unattributed_windows", "rollup_shifts", "rollup_areas"):
            self.run(f"DELETE FROM {table}")
        assert len(found) + len(reasons) == 1
        return found[0] if found else reasons[0][0]


@pytest.fixture
def post(database: Database) -> Iterator[Post]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        yield Post(database, connection)


class TestRoster:
    def test_the_person_of_station_shift_and_date(self, post: Post) -> None:
        assert post.whose(lima(8)) == (post.morning, "morning", DAY)
        assert post.whose(lima(15)) == (post.afternoon, "afternoon", DAY)

    def test_a_shift_over_midnight_keeps_the_date_on_which_it_began(self, post: Post) -> None:
        assert post.whose(lima(23)) == (post.night, "night", DAY)
        assert post.whose(lima(3, day=5)) == (post.night, "night", DAY)

    def test_a_shift_begins_and_ends_to_the_microsecond(self, post: Post) -> None:
        assert post.whose(lima(14)) == (post.afternoon, "afternoon", DAY)
        assert post.whose(lima(14) - timedelta(microseconds=1)) == (post.morning, "morning", DAY)

    def test_the_latest_first_date_wins_then_the_highest_id(self, post: Post) -> None:
        for employee, first in ((post.night, DAY), (post.elsewhere, DAY), (post.afternoon, DAY - timedelta(days=1))):
            post.run(
                "INSERT INTO assignments (employee_id, station_id, shift_id, first_date) VALUES (%s, %s, %s, %s)",
                employee, post.station, post.shifts["morning"], first,
            )  # fmt: skip

        assert post.whose(lima(8)) == (post.elsewhere, "morning", DAY)

    def test_both_dates_of_an_assignment_count(self, post: Post) -> None:
        post.run("UPDATE assignments SET first_date = %s, last_date = %s", DAY, DAY)

        assert post.whose(lima(8, day=3)) == "no_employee"
        assert post.whose(lima(8)) == (post.morning, "morning", DAY)
        assert post.whose(lima(3, day=5)) == (post.night, "night", DAY)
        assert post.whose(lima(8, day=5)) == "no_employee"

    def test_no_shift_on_a_weekday_without_one(self, post: Post) -> None:
        post.run("UPDATE shifts SET weekdays = '{2}'")

        assert post.whose(lima(8)) == "no_shift"
        assert post.whose(lima(3)) == (post.night, "night", DAY - timedelta(days=1)), "Tuesday's night runs into it"


class TestBreaks:
    def test_a_break_belongs_to_nobody(self, post: Post) -> None:
        assert post.whose(lima(9, 30)) == "break"
        assert post.whose(lima(10)) == (post.morning, "morning", DAY)

    def test_a_break_before_the_start_of_its_shift_is_after_midnight(self, post: Post) -> None:
        assert post.whose(lima(2, 15, day=5)) == "break"

    def test_who_works_in_an_overlapping_shift_is_not_on_the_others_break(self, post: Post) -> None:
        post.run("UPDATE shifts SET starts = '09:00' WHERE name = 'afternoon'")

        assert post.whose(lima(9, 45)) == (post.afternoon, "afternoon", DAY)


class TestCheckIns:
    def test_a_badge_outranks_the_roster_until_checked_out(self, post: Post) -> None:
        post.check_in(post.elsewhere, lima(8), out=lima(9))

        assert post.whose(lima(7, 59)) == (post.morning, "morning", DAY)
        assert post.whose(lima(8)) == (post.elsewhere, "morning", DAY)
        assert post.whose(lima(9)) == (post.morning, "morning", DAY)

    def test_it_ends_with_the_shift_in_which_it_was_made(self, post: Post) -> None:
        post.check_in(post.elsewhere, lima(8))

        assert post.whose(lima(13, 59)) == (post.elsewhere, "morning", DAY)
        assert post.whose(lima(14)) == (post.afternoon, "afternoon", DAY)

    def test_the_next_badge_at_the_station_ends_it_for_good(self, post: Post) -> None:
        post.check_in(post.elsewhere, lima(8))
        post.check_in(post.night, lima(9), out=lima(9, 10))

        assert post.whose(lima(9, 5)) == (post.night, "morning", DAY)
        assert post.whose(lima(9, 15)) == (post.morning, "morning", DAY)

    def test_the_same_persons_badge_elsewhere_ends_it(self, post: Post) -> None:
        post.check_in(post.elsewhere, lima(8))
        post.check_in(post.elsewhere, lima(9), station=post.other_station)

        assert post.whose(lima(8, 59)) == (post.elsewhere, "morning", DAY)
        assert post.whose(lima(9)) == (post.morning, "morning", DAY)

    def test_in_two_overlapping_shifts_the_badge_counts_for_the_one_that_began_last(self, post: Post) -> None:
        post.run("UPDATE shifts SET starts = '13:00' WHERE name = 'afternoon'")
        post.check_in(post.elsewhere, lima(13, 15))

        assert post.whose(lima(13, 30)) == (post.elsewhere, "afternoon", DAY)
        assert post.whose(lima(15)) == (post.elsewhere, "afternoon", DAY)

    def test_made_before_the_overlap_it_stays_with_its_shift(self, post: Post) -> None:
        post.run("UPDATE shifts SET starts = '13:00' WHERE name = 'afternoon'")
        post.check_in(post.elsewhere, lima(12))

        assert post.whose(lima(13, 30)) == (post.elsewhere, "morning", DAY)

    def test_made_outside_any_shift_it_counts_for_the_next(self, post: Post) -> None:
        post.run("UPDATE shifts SET ends = '05:00' WHERE name = 'night'")
        post.check_in(post.elsewhere, lima(5, 45))

        assert post.whose(lima(5, 50)) == "no_shift"
        assert post.whose(lima(6)) == (post.elsewhere, "morning", DAY)
        assert post.whose(lima(14)) == (post.afternoon, "afternoon", DAY)


class TestConsent:
    def test_without_consent_at_that_moment_it_is_nobodys(self, post: Post) -> None:
        post.run("UPDATE consents SET given_at = %s, withdrawn_at = %s", lima(8), lima(9))

        assert post.whose(lima(8) - timedelta(microseconds=1)) == "no_consent"
        assert post.whose(lima(8)) == (post.morning, "morning", DAY)
        assert post.whose(lima(9)) == "no_consent"

    def test_a_badge_without_consent_does_not_fall_back_on_the_roster(self, post: Post) -> None:
        post.run("DELETE FROM consents WHERE employee_id = %s", post.elsewhere)
        post.check_in(post.elsewhere, lima(8))

        assert post.whose(lima(8, 30)) == "no_consent"

    def test_given_again_it_counts_again(self, post: Post) -> None:
        post.run("UPDATE consents SET withdrawn_at = %s", lima(7))
        post.run(
            "INSERT INTO consents (employee_id, notice_version, given_at) VALUES (%s, '2', %s)",
            post.morning, lima(8),
        )  # fmt: skip

        assert post.whose(lima(7, 30)) == "no_consent"
        assert post.whose(lima(8, 30)) == (post.morning, "morning", DAY)


class TestPlaces:
    def test_a_device_stands_where_it_was_put_last(self, post: Post) -> None:
        post.run("UPDATE placements SET removed_at = %s WHERE device_id = %s", lima(8), post.device)
        assert post.whose(lima(7)) == (post.morning, "morning", DAY)
        assert post.whose(lima(8)) == "no_station"

        post.run(
            "INSERT INTO placements (device_id, station_id, placed_at) VALUES (%s, %s, %s)",
            post.device, post.other_station, lima(9),
        )  # fmt: skip
        assert post.whose(lima(10)) == (post.elsewhere, "morning", DAY)

    def test_a_device_that_was_never_put_anywhere(self, post: Post) -> None:
        post.run("DELETE FROM placements")

        assert post.whose(lima(8)) == "no_station"


class TestClockChanges:
    """Madrid: clocks went forward on 29 March 2026 at 02:00, and back on 25 October 2026 at 03:00."""

    def scheduled(self, database: Database, post: Post, at: datetime) -> list[tuple[str, float, int]]:
        plants.store_events(post.connection, [plants.window(post.device, at, Random(1))])
        with transaction(database.engine("worker")) as session:
            drain(session)
        rows = post.connection.execute(
            "SELECT (SELECT name FROM shifts WHERE id = shift_id), extract(epoch FROM ends_at - starts_at) / 3600,"
            " scheduled_ms FROM rollup_shifts ORDER BY shift_date"
        ).fetchall()
        return [(name, float(hours), scheduled) for name, hours, scheduled in rows]

    @pytest.mark.parametrize(
        ("first", "at", "hours"),
        [
            (date(2026, 3, 28), datetime(2026, 3, 29, 2, 30, tzinfo=UTC), 7),
            (date(2026, 10, 24), datetime(2026, 10, 25, 2, 30, tzinfo=UTC), 9),
            (date(2026, 10, 25), datetime(2026, 10, 26, 2, 30, tzinfo=UTC), 8),
        ],
    )
    def test_a_night_is_as_long_as_it_really_was(
        self, database: Database, first: date, at: datetime, hours: int
    ) -> None:
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            post = Post(database, connection, "Europe/Madrid")
            connection.execute("UPDATE consents SET given_at = '2026-01-01'")
            connection.execute("UPDATE placements SET placed_at = '2026-01-01'")
            connection.execute("UPDATE assignments SET first_date = '2026-01-01'")
            connection.execute(
                "UPDATE shift_breaks SET starts = %s, ends = %s WHERE starts = '02:00'", [time(4), time(4, 30)]
            )

            assert self.scheduled(database, post, at) == [("night", hours, (hours * 60 - 30) * 60_000)]

    def test_overlapping_breaks_are_taken_off_once(self, database: Database) -> None:
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            post = Post(database, connection)
            for starts, ends in (("09:45", "10:15"), ("13:45", "14:30")):
                connection.execute(
                    "INSERT INTO shift_breaks (shift_id, starts, ends) VALUES (%s, %s, %s)",
                    [post.shifts["morning"], starts, ends],
                )

            assert self.scheduled(database, post, lima(8)) == [("morning", 8, (8 * 60 - 45 - 15) * 60_000)]
