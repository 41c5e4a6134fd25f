"""Which episodes become an alert that a real server received, and which are kept without a word."""

from datetime import UTC, datetime, timedelta

import pytest

from stressvision_store import alerts_raising
from stressvision_store.rollouts import orders
from stressvision_store.session import transaction
from support import plants
from support.alerting import LINK, Open, change, inbox, open_alerts, open_episode, plant, rows, turn
from support.database import Database
from support.inboxes import Inbox

pytestmark = pytest.mark.db
__all__ = ["inbox", "open_alerts", "plant"]


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
    assert "P-1" not in str(message).replace(alert.key, ""), "the station, never the person"
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


def test_what_came_in_while_another_worker_hung_is_raised_when_it_is_gone(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    loop = open_alerts(("shift", inbox.url, 1))
    open_episode(database, plant.devices[0])
    change(database, "UPDATE events SET received_at = now() - interval '5 min'")
    with transaction(database.engine("worker")) as hung:
        alerts_raising.raise_alerts(hung, [], since=datetime.now(UTC) - timedelta(hours=1))
        turn(loop)
        hung.rollback()
    turn(loop)

    assert len(inbox.messages) == len(rows(database)) == 1


def test_orders_to_a_rollout_hold_up_no_alert(
    database: Database, plant: plants.Plant, inbox: Inbox, open_alerts: Open
) -> None:
    open_episode(database, plant.devices[0])
    with transaction(database.engine("control")) as session:
        orders.refuse_while_live(session, "any")

        turn(open_alerts(("shift", inbox.url, 1)))

    assert len(inbox.messages) == 1
