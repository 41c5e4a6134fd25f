"""Channels that fail, are late or are killed: somebody is told all the same, and no address is logged."""

import email
import email.policy
import logging
from pathlib import Path

import psycopg
import pytest

from stressvision_store.session import transaction
from stressvision_worker.alert_channels import ChannelsError, load_channels
from stressvision_worker.alerts import AlertSettings, open_loop
from support import plants
from support.alerting import Open, change, inbox, open_alerts, open_episode, plant, rows, turn
from support.database import Database
from support.inboxes import Inbox, mail_inbox, web_inbox
from support.servers import start_redis, wait_until
from support.workers import Daemon, environment

pytestmark = pytest.mark.db
__all__ = ["inbox", "open_alerts", "plant"]


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
        wait_until(lambda: all(alert.state == "notified" for alert in rows(database)), "the second", timeout_s=60)
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
