"""The sending side against the real intake and a real Postgres: identity, at-least-once, and clocks put right."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from stressvision_agent.client import EnrolmentError
from stressvision_agent.directives import Directives
from stressvision_agent.enrolment import join
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.identity import load_identity
from stressvision_agent.settings import DeviceSettings, ServerSettings, Settings
from support.device import TurnedClock, episode, gap, sending_side, window
from support.intake import make_settings, new_code, register_model, serve_intake
from support.servers import wait_until

pytestmark = pytest.mark.db

MODEL = "company5-1.0.0"
WITHIN_S = 2.0
"""The bar for a corrected time."""


@pytest.fixture
def intake(database, redis_url):
    register_model(database.engine(), MODEL)
    with serve_intake(make_settings(database, redis_url)) as client:
        yield client


@pytest.fixture
def settings(tmp_path, intake):
    return Settings(
        server=ServerSettings(url=str(intake.base_url)), device=DeviceSettings(state_dir=tmp_path / "state")
    )


@pytest.fixture
def identity(settings, database):
    join(settings, new_code(database.engine()))
    return load_identity(settings.key_file, settings.enrolled_file)


def real_clock(**changes):
    """Turned by hand, but true when turned: the intake lives in the present."""
    uptime_s = changes.pop("uptime_s", 10_000.0)
    return TurnedClock(uptime_s=uptime_s, booted_at=datetime.now(UTC) - timedelta(seconds=uptime_s), **changes)


def stored(database):
    with psycopg.connect(database.url("owner")) as connection:
        rows = connection.execute(
            "SELECT seq, started_at, ended_at, clock_shift_ms, kind FROM events ORDER BY seq"
        ).fetchall()
    return {row[0]: row for row in rows}


def dead_letters(database):
    with psycopg.connect(database.url("owner")) as connection:
        return connection.execute("SELECT reason, detail FROM dead_letters").fetchall()


def test_a_device_enrols_once_and_keeps_its_key(settings, database, intake):
    code = new_code(database.engine())
    enrolled = join(settings, code)
    assert enrolled.device_id > 0
    assert settings.key_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EnrolmentError, match="already enrolled"):
        join(settings, code)
    settings.enrolled_file.unlink()
    assert join(settings, code) == enrolled, "a crash before the number was kept must not burn the code"


def test_a_wrong_code_says_what_to_do(settings):
    with pytest.raises(EnrolmentError, match="fresh code"):
        join(settings, "WRONG-CODE")


def test_every_kind_of_event_is_stored_as_it_was_seen(tmp_path, intake, identity, database):
    clock = real_clock()
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        side.spool.append_all(
            [
                window(clock.uptime_s, model_version=MODEL),
                episode(clock.uptime_s, model_version=MODEL),
                gap(clock.uptime_s),
            ]
        )
        side.drain()
    assert dead_letters(database) == []
    assert [row[4] for row in stored(database).values()] == [1, 2, 3]


@pytest.mark.parametrize(
    "offset",
    [timedelta(days=1), timedelta(days=-1), datetime(1970, 1, 1, 0, 5, tzinfo=UTC) - datetime.now(UTC), timedelta(0)],
    ids=["a day ahead", "a day behind", "1970", "right"],
)
def test_a_wrong_clock_is_put_right(tmp_path, intake, identity, database, offset):
    clock = real_clock(offset=offset)
    truth = {}
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        for ago in (3600, 600, 61, 1):
            seq = side.spool.append(window(clock.uptime_s - ago, model_version=MODEL))
            truth[seq] = clock.true_now() - timedelta(seconds=ago)
        side.drain()
    check_times(database, truth)


def test_a_clock_that_steps_during_the_shift_is_put_right(tmp_path, intake, identity, database):
    clock = real_clock(offset=timedelta(0))
    truth = {}
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        for offset in (timedelta(0), timedelta(days=1), timedelta(hours=-7), timedelta(seconds=3)):
            clock.offset = offset
            seq = side.spool.append(window(clock.uptime_s - 1, model_version=MODEL))
            truth[seq] = clock.true_now() - timedelta(seconds=1)
        side.drain()
    check_times(database, truth)


@pytest.mark.parametrize("wrong_again", [timedelta(days=-3), timedelta(0)])
def test_a_backlog_of_an_earlier_boot_is_put_right_when_that_boot_had_synced(
    tmp_path, intake, identity, database, settings, wrong_again
):
    """Synced by one heartbeat, then offline for hours with a wrong clock, then a reboot, then the network is back."""
    clock = real_clock(uptime_s=4 * 3600.0, offset=timedelta(days=1))
    clock.booted_at -= timedelta(hours=6)
    truth = {}
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        asked_s = clock.uptime_s
        side.timeline.observe_server(clock.true_now(), asked_s, asked_s + 0.3)
        for _ in range(5):
            clock.advance(3600)
            seq = side.spool.append(window(clock.uptime_s, model_version=MODEL))
            truth[seq] = clock.true_now()
    clock.reboot(offset=wrong_again)
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        clock.booted_at = datetime.now(UTC) - timedelta(seconds=clock.uptime_s)
        side.drain()
    check_times(database, truth)


def check_times(database, truth):
    assert dead_letters(database) == []
    rows = stored(database)
    assert set(rows) == set(truth)
    for seq, true_end in truth.items():
        _, started_at, ended_at, *_ = rows[seq]
        assert abs((ended_at - true_end).total_seconds()) < WITHIN_S
        assert (ended_at - started_at).total_seconds() == pytest.approx(60, abs=0.01)


def test_a_heartbeat_teaches_time_and_wishes(tmp_path, intake, identity, database, settings):
    clock = real_clock(offset=timedelta(days=200))
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        directives = Directives(settings.directives_file, settings.off_switch)
        assert directives.pause_reason() == "profile"
        beats = Heartbeater(side.spool, side.client, side.timeline, clock, directives, settings)
        assert beats.beat()
        assert directives.wishes.site_profile == "safety"
        assert side.timeline.offset_s() == pytest.approx(200 * 86_400, abs=WITHIN_S)
    again = Directives(settings.directives_file, settings.off_switch)
    assert (again.known, again.wishes.site_profile) == (True, "safety")
    with psycopg.connect(database.url("owner")) as connection:
        (report,) = connection.execute("SELECT report FROM device_states").fetchone()
    assert report["boot_id"] == clock.boot


def test_a_revoked_device_stops_sending_and_keeps_its_events(tmp_path, intake, identity, database):
    clock = real_clock()
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE devices SET revoked_at = now()")
    with sending_side(tmp_path / "spool", str(intake.base_url), clock, identity=identity) as side:
        side.spool.append(window(clock.uptime_s, model_version=MODEL))
        wait_until(lambda: side.client.fetch_token().status == 403, "the intake's hearing of it")
        assert side.uploader.step() == pytest.approx(900)
        assert side.uploader.revoked
        assert side.spool.status().events == 1
    assert stored(database) == {}
