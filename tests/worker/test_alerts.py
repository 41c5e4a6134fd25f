"""From an episode in the database to a message that a real server received."""

import email
import email.policy
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from stressvision_store.alert_tables import Alert
from stressvision_store.session import transaction
from stressvision_worker.alert_channels import ChannelsError, load_channels
from stressvision_worker.alerts import AlertLoop, AlertSettings, open_loop
from support import plants
from support.database import Database
from support.inboxes import Inbox, mail_inbox, web_inbox
from support.servers import start_redis, wait_until
from support.workers import Daemon, environment

pytestmark = pytest.mark.db

ALL_DAY = [("day", time(0), time(12), ()), ("night", time(12), time(0), ())]
LINK = "https://control.example/alerts"
Open = Callable[..., AlertLoop]


@pytest.fixture
def plant(database: Database) -> plants.Plant:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        return plants.build_plant(
            connection, first_date=datetime.now(UTC).date() - timedelta(days=3), stations=3, shifts=ALL_DAY
        )


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with web_inbox() as opened:
        yield opened


@pytest.fixture
def open_alerts(database: Database, tmp_path: Path) -> Iterator[Open]:
    """A loop on channels given as (name, url, step); it is turned by hand."""
    loops = []

    def make(*channels: tuple[str, str, int]) -> AlertLoop:
        path = tmp_path / "channels.toml"
        path.write_text(
            "".join(f'[[channels]]\nname = "{name}"\nurl = "{url}"\nstep = {step}\n' for name, url, step in channels)
        )
        path.chmod(0o600)
        settings = AlertSettings(channels=path, link=LINK)
        loops.append(open_loop(database.engine("worker"), settings))
        return loops[-1]

    yield make
    for loop in loops:
        loop.stop()


def open_episode(
    database: Database, device: int, *, ago_s: float = 1, condition: int = 2, episode_id: str | None = None
) -> str:
    """As ingest stores it: the opening of an episode whose rule was met `ago_s` ago, with signs since a minute."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    (opening, _) = plants.episode(device, at - timedelta(minutes=1), Random())
    opening |= {"ended_at": at, "condition": condition, "episode_id": episode_id or str(uuid4())}
    with psycopg.connect(database.url("ingest"), autocommit=True) as connection:
        plants.store_events(connection, [opening])
    return str(opening["episode_id"])


def turn(loop: AlertLoop) -> None:
    loop.turn()
    loop.settle()


def rows(database: Database) -> list[Alert]:
    with transaction(database.engine()) as session:
        found = list(session.scalars(text("SELECT id FROM alerts ORDER BY id")))
        alerts = [session.get_one(Alert, each) for each in found]
        session.expunge_all()
        return alerts


def change(database: Database, statement: str) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def test_a_fatigue_episode_becomes_a_message_in_the_sites_language(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    open_episode(database, plant.devices[0])
    open_episode(database, plant.devices[1], condition=1)

    turn(open_alerts(("shift", inbox.url, 1)))

    (message,) = inbox.messages
    (alert,) = rows(database)
    assert message["title"] == "Signos sostenidos de cansancio: site 0, area 0, station 1.0.0"
    assert "una pausa" in message["message"]
    assert "no es un diagnóstico" in message["message"]
    assert f"{LINK}/{alert.key}" in message["message"]
    assert "P-1" not in str(message), "the station, never the person"
    assert (alert.state, alert.condition, alert.device_id) == ("notified", "fatigue", plant.devices[0])
    assert alert.employee_id in plant.employees
    assert alert.notified_at is not None


def test_english_where_the_site_wishes_it(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    change(database, "INSERT INTO alert_settings (site_id, language) SELECT id, 'en' FROM sites")
    open_episode(database, plant.devices[0])

    turn(open_alerts(("shift", inbox.url, 1)))

    assert inbox.messages[0]["title"].startswith("Sustained signs of tiredness")


def test_what_is_sent_again_raises_nothing_again(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    loop = open_alerts(("shift", inbox.url, 1))
    episode_id = open_episode(database, plant.devices[0])
    turn(loop)
    open_episode(database, plant.devices[0], episode_id=episode_id)
    turn(loop)
    turn(open_alerts(("shift", inbox.url, 1)))

    assert len(inbox.messages) == len(rows(database)) == 1


def test_a_letter_by_mail(database: Database, plant: plants.Plant, open_alerts: Open) -> None:
    open_episode(database, plant.devices[0])
    with mail_inbox() as mail:
        turn(open_alerts(("mail", mail.url, 1)))

    letter = email.message_from_string(mail.letters[0], policy=email.policy.default)
    assert letter["subject"].startswith("Signos sostenidos de cansancio")
    assert letter["to"] == "shift@example.com"
    body = letter.get_body(("plain",))
    assert body is not None
    assert "Qué hacer: acérquese al puesto" in body.get_content()


def test_a_channel_that_fails_is_tried_again_and_given_up(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    inbox.status = 500
    loop = open_alerts(("shift", inbox.url, 1))
    open_episode(database, plant.devices[0])
    for tries in range(1, 10):
        turn(loop)
        change(database, "UPDATE alert_deliveries SET next_try_at = now()")
        assert inbox.tried == min(tries, 8)

    with psycopg.connect(database.url("owner")) as connection:
        kept = connection.execute("SELECT tries, sent_at, gave_up_at IS NOT NULL FROM alert_deliveries").fetchone()
    assert kept == (8, None, True)
    assert rows(database)[0].state == "open"


def test_a_worker_killed_between_claim_and_mark_sends_again(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    open_episode(database, plant.devices[0])
    killed = open_alerts(("shift", inbox.url, 1))
    killed.raise_new()
    from stressvision_store import alerts_sending

    with transaction(database.engine("worker")) as session:
        assert len(alerts_sending.claim(session, 5)) == 1
    successor = open_alerts(("shift", inbox.url, 1))
    turn(successor)
    assert inbox.messages == [], "the lease holds"

    change(database, "UPDATE alert_deliveries SET next_try_at = now()")
    turn(successor)

    assert len(inbox.messages) == 1


def test_the_second_channel_is_told_when_nobody_acknowledges(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    with web_inbox() as second:
        loop = open_alerts(("shift", inbox.url, 1), ("chief", second.url, 2))
        for device in plant.devices[:2]:
            open_episode(database, device)
        turn(loop)
        assert (len(inbox.messages), second.messages) == (2, [])
        change(
            database,
            "UPDATE alerts SET raised_at = raised_at - interval '11 min', "
            "state = CASE id WHEN 1 THEN 'acknowledged' ELSE state END",
        )
        turn(loop)
        turn(loop)

    assert len(inbox.messages) == 2
    assert [message["title"][:16] for message in second.messages] == ["Sin respuesta · "]


def test_the_second_channel_is_told_at_once_when_the_first_was_given_up(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    inbox.status = 500
    with web_inbox() as second:
        loop = open_alerts(("shift", inbox.url, 1), ("chief", second.url, 2))
        open_episode(database, plant.devices[0])
        turn(loop)
        change(database, "UPDATE alert_deliveries SET next_try_at = now(), tries = 7")
        turn(loop)
        assert second.messages == []
        turn(loop)

    assert len(second.messages) == 1
    assert rows(database)[0].state == "notified"


@pytest.mark.parametrize(
    ("statement", "ago_s", "why"),
    [
        ("SELECT 1", 700, "late"),
        ("UPDATE consents SET withdrawn_at = now() - interval '1 h'", 1, "no_consent"),
        ("DELETE FROM placements", 1, "no_station"),
        ("INSERT INTO shift_breaks (shift_id, starts, ends) SELECT id, starts, ends FROM shifts", 1, "break"),
        (
            "INSERT INTO alert_settings (site_id, quiet_from, quiet_until) SELECT id, '00:00', '00:00' FROM sites",
            1,
            "quiet",
        ),
        ("INSERT INTO alert_settings (site_id, hourly_budget) SELECT id, 0 FROM sites", 1, "budget"),
    ],
)
def test_whom_it_would_not_help_is_not_called_but_a_row_is_kept(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open, statement: str, ago_s: float, why: str
) -> None:
    change(database, statement)
    open_episode(database, plant.devices[0], ago_s=ago_s)

    turn(open_alerts(("shift", inbox.url, 1)))

    assert inbox.messages == []
    assert [(alert.state, alert.suppressed_because) for alert in rows(database)] == [("suppressed", why)]


def test_a_station_cools_down_and_its_neighbour_does_not(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    loop = open_alerts(("shift", inbox.url, 1))
    for device, ago_s in ((0, 30), (0, 20), (1, 10)):
        open_episode(database, plant.devices[device], ago_s=ago_s)
        turn(loop)

    assert [alert.suppressed_because for alert in rows(database)] == [None, "cooldown", None]


def test_a_person_has_a_budget_an_hour(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    change(database, "INSERT INTO alert_settings (site_id, cooldown_s, hourly_budget) SELECT id, 1, 2 FROM sites")
    loop = open_alerts(("shift", inbox.url, 1))
    for ago_s in (40, 30, 20, 10):
        open_episode(database, plant.devices[0], ago_s=ago_s)
        turn(loop)

    assert [alert.suppressed_because for alert in rows(database)] == [None, None, "budget", "budget"]
    assert len(inbox.messages) == 2


@pytest.mark.parametrize(
    "statement",
    ["UPDATE sites SET profile = 'off'", "UPDATE profile_periods SET profile = 'off'"],
    ids=["now", "at that time"],
)
def test_a_site_that_is_off_has_no_alerts(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open, statement: str
) -> None:
    change(database, statement)
    open_episode(database, plant.devices[0])

    turn(open_alerts(("shift", inbox.url, 1)))

    assert rows(database) == []


def test_a_channel_may_be_for_some_sites_only(
    database: Database, plant: plants.Plant, inbox: Inbox, tmp_path: Path
) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(f'[[channels]]\nname = "far"\nurl = "{inbox.url}"\nsites = ["elsewhere"]\n')
    path.chmod(0o600)
    loop = open_loop(database.engine("worker"), AlertSettings(channels=path))
    open_episode(database, plant.devices[0])

    turn(loop)

    assert inbox.messages == []
    assert rows(database)[0].state == "open"


def test_no_address_is_logged(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    inbox.status = 403
    open_episode(database, plant.devices[0])

    turn(open_alerts(("shift", inbox.url, 1)))

    assert "an alert was not sent" in caplog.text
    assert "secret-word" not in caplog.text
    assert "secret-word" not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize(
    ("content", "mode", "what"),
    [
        ('[[channels]]\nname = "a"\nurl = "json://h/secret-word"\n', 0o644, "chmod 600"),
        ('[[channels]]\nname = "a"\nurl = "secret-word"\n', 0o600, "channel 1: url"),
        ('[[channels]]\nname = "a"\nurl = "json://h/secret-word"\nstep = 3\n', 0o600, "channel 1: step"),
        ('[[channels]]\nname = "a"\nurl = "json://h/secret-word"\nsite = "b"\n', 0o600, "channel 1: an entry"),
        ('[[channels]]\nname = "a"\nurl = "json://h/1"\n' * 2, 0o600, "'a' is given twice"),
        ("channels = 1", 0o600, "holds [[channels]]"),
        ("secret-word", 0o600, "no TOML"),
    ],
)
def test_a_wrong_file_of_channels_is_named_without_its_secrets(
    tmp_path: Path, content: str, mode: int, what: str
) -> None:
    path = tmp_path / "channels.toml"
    path.write_text(content)
    path.chmod(mode)

    with pytest.raises(ChannelsError) as raised:
        load_channels(path)

    assert what in str(raised.value)
    assert "secret-word" not in str(raised.value)


@pytest.mark.e2e
def test_a_worker_process_tells_and_one_that_is_killed_is_made_up_for(
    database: Database, plant: plants.Plant, inbox: Inbox, tmp_path: Path
) -> None:
    broker = start_redis(tmp_path / "redis")
    channels = tmp_path / "channels.toml"
    channels.write_text(f'[[channels]]\nname = "shift"\nurl = "{inbox.url}"\n')
    channels.chmod(0o600)
    variables = environment(database, broker.url, STRESSVISION_ALERT_CHANNELS=str(channels))
    worker = Daemon("worker", variables, tmp_path / "worker.log")
    worker.start()
    try:
        worker.wait_ready()
        open_episode(database, plant.devices[0])
        wait_until(lambda: len(inbox.messages) == 1, f"the message: {worker.tail()}", timeout_s=10)
        wait_until(
            lambda: 'stressvision_alert_notifications_total{outcome="sent"} 1.0' in worker.metrics(), "the count"
        )
        inbox.wait_s = 2.0
        open_episode(database, plant.devices[1])
        wait_until(lambda: claimed(database) == 2, "the claim", timeout_s=10)
        worker.kill()
        change(database, "UPDATE alert_deliveries SET next_try_at = now() WHERE sent_at IS NULL")
        inbox.wait_s = 0.0
        worker.start()
        wait_until(lambda: all(alert.state == "notified" for alert in rows(database)), "the second", timeout_s=20)
        broker.stop()
        before = len(inbox.messages)
        open_episode(database, plant.devices[2])
        wait_until(lambda: len(inbox.messages) > before, "a message without the broker", timeout_s=10)
    finally:
        worker.stop()
        broker.stop()

    assert len(inbox.messages) >= 2, "at least once; twice where the first try was under way"
    assert "secret-word" not in worker.tail()


def claimed(database: Database) -> int:
    with psycopg.connect(database.url("owner")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM alert_deliveries WHERE tries > 0").fetchone() or (0,)
    return int(count)
