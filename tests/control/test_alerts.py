"""What people do with alerts, over HTTP, from the page in a message, and from a terminal."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from stressvision_control.cli.app import app
from stressvision_store.alert_tables import Alert
from stressvision_store.session import transaction
from support.control import Control

pytestmark = pytest.mark.db

PERSON = "person-of-the-test"


def add_alerts(control: Control, count: int = 1, **values: object) -> list[Alert]:
    """Notified ones at a station, about one person."""
    site = control.make("/v1/sites", name=f"Callao {secrets.token_hex(3)}", time_zone="America/Lima")["id"]
    area = control.make("/v1/areas", site_id=site, name="Prensas")["id"]
    station = control.make("/v1/stations", area_id=area, name="Prensa <1>")["id"]
    employee = control.make("/v1/employees", site_id=site, pseudonym=f"{PERSON}-{site}")["id"]
    device = control.add_device(station)
    at = datetime.now(UTC) - timedelta(minutes=2)
    known = {
        "rule": "fatigue_lasts", "rule_version": "1", "condition": "fatigue", "device_id": device, "site_id": site,
        "area_id": area, "station_id": station, "employee_id": employee, "model_version": "m1", "coverage_ppm": 870_000,
        "started_at": at, "opened_at": at, "received_at": at, "state": "notified",
    } | values  # fmt: skip
    made = [Alert(**known, episode_id=uuid4(), key=secrets.token_urlsafe(18)) for _ in range(count)]
    with transaction(control.database.engine("owner")) as session:
        session.add_all(made)
        session.flush()
        session.expunge_all()
    return made


def test_an_alert_is_acknowledged_and_closed_once(control: Control) -> None:
    (alert,) = add_alerts(control)
    safety = control.person("Rosa", "safety")
    path = f"/v1/alerts/{alert.id}"

    seen = safety.post(f"{path}/acknowledge").json()
    again = control.person("Luis", "operator").post(f"{path}/acknowledge").json()
    closed = safety.post(f"{path}/close", json={"outcome": "break_taken"}).json()
    other = safety.post(f"{path}/close", json={"outcome": "false"})
    late = safety.post(f"{path}/acknowledge")

    assert seen["state"] == "acknowledged"
    assert seen["acknowledged_by"] == again["acknowledged_by"]
    assert (closed["state"], closed["outcome"]) == ("closed", "break_taken")
    assert (other.status_code, late.status_code) == (409, 409)
    actions = [entry["action"] for entry in control.admin.get("/v1/audit").json()["items"]]
    assert actions.count("alert.acknowledge") == actions.count("alert.close") == 1


def test_nothing_shown_is_of_a_person(control: Control) -> None:
    (alert,) = add_alerts(control)
    shown = control.as_role("safety").get("/v1/alerts").text + control.as_role("safety").get("/v1/alerts/1").text

    assert PERSON not in shown
    assert "employee" not in shown
    assert alert.key not in shown


def test_a_look_at_alerts_is_kept_with_whom_they_are_about(control: Control) -> None:
    (alert,) = add_alerts(control)
    rosa = control.person("Rosa", "safety")
    assert [rosa.get(path).status_code for path in ("/v1/alerts", f"/v1/alerts/{alert.id}")] == [200, 200]
    kept = control.admin.get("/v1/audit").json()["items"][:2]
    assert [(entry["action"], entry["subject"]) for entry in kept] == [
        ("alert.read", f"employee {alert.employee_id}"), ("alert.list", "all sites"),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["hr", "ml", "privacy", None])
def test_alerts_are_for_those_who_act(control: Control, role: str | None) -> None:
    client = control.as_role(role)
    for path in ("/v1/alerts", "/v1/alerts/rules", "/v1/alerts/1", "/v1/alerts/settings/1"):
        assert client.get(path).status_code == (403 if role else 401)


def test_suppressed_ones_are_listed_when_asked_for(control: Control) -> None:
    add_alerts(control, state="suppressed", suppressed_because="cooldown")
    client = control.as_role("operator")

    assert client.get("/v1/alerts").json()["items"] == []
    (row,) = client.get("/v1/alerts", params={"state": "suppressed"}).json()["items"]
    assert row["suppressed_because"] == "cooldown"
    assert client.post(f"/v1/alerts/{row['id']}/close", json={"outcome": "true"}).status_code == 409


def test_a_rules_share_comes_with_enough_verdicts_only(control: Control) -> None:
    alerts = add_alerts(control, count=20)
    client = control.as_role("safety")
    for alert, outcome in zip(alerts[:19], ["true"] * 12 + ["break_taken"] * 3 + ["false"] * 4, strict=True):
        client.post(f"/v1/alerts/{alert.id}/close", json={"outcome": outcome})
    (before,) = client.get("/v1/alerts/rules").json()
    client.post(f"/v1/alerts/{alerts[19].id}/close", json={"outcome": "false"})
    (after,) = client.get("/v1/alerts/rules").json()

    assert (before["judged"], before["right_share"]) == (19, None)
    assert (after["judged"], after["right"], after["right_share"]) == (20, 15, 0.75)
    assert (round(after["right_low"], 3), round(after["right_high"], 3)) == (0.531, 0.888)
    assert after["acknowledged_share"] == 1


def test_the_page_in_the_message_takes_the_answer_of_whoever_was_told(control: Control) -> None:
    (alert,) = add_alerts(control)
    nobody = control.as_role(None)

    page = nobody.get(f"/alerts/{alert.key}")
    state = control.admin.get(f"/v1/alerts/{alert.id}").json()["state"]
    acknowledged = nobody.post(f"/alerts/{alert.key}", data={"answer": "acknowledge"})
    closed = nobody.post(f"/alerts/{alert.key}", data={"answer": "false"})
    after = control.admin.get(f"/v1/alerts/{alert.id}").json()

    assert state == "notified", "looking changes nothing"
    assert "Signos sostenidos de cansancio" in page.text
    assert "Prensa &lt;1&gt;" in page.text
    assert PERSON not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Alguien ya lo atiende" in acknowledged.text
    assert "cerrado" in closed.text
    assert (after["outcome"], after["closed_by"]) == ("false", f"link of alert {alert.id}")


def test_a_guessed_page_is_refused_and_throttled_in_words_for_people(control: Control) -> None:
    answers = [control.as_role(None).get(f"/alerts/{secrets.token_urlsafe(18)}") for _ in range(12)]

    assert [answer.status_code for answer in answers] == [404] * 10 + [429] * 2
    for answer, said in ((answers[0], "no lleva a ningún aviso"), (answers[-1], "Demasiados intentos")):
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert said in answer.text
    assert int(answers[-1].headers["Retry-After"]) <= 61


def test_a_site_has_its_wishes(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")["id"]
    client, path = control.as_role("safety"), f"/v1/alerts/settings/{site}"

    default = client.get(path).json()
    changed = client.put(path, json={"language": "en", "quiet_from": "22:00", "quiet_until": "06:00"}).json()
    half = client.put(path, json={"quiet_from": "22:00"})

    assert (default["language"], default["cooldown_s"], default["quiet_from"]) == ("es", 900, None)
    assert changed == client.get(path).json()
    assert (changed["language"], changed["quiet_from"], changed["quiet_until"]) == ("en", "22:00", "06:00")
    assert half.status_code == 422
    assert client.get("/v1/alerts/settings/999").status_code == 404


def run(control: Control, *words: str) -> str:
    variables = {"STRESSVISION_CONTROL_URL": control.url, "STRESSVISION_TOKEN": control.token("safety")}
    result = CliRunner().invoke(app, ["alerts", *words], env=variables)
    assert result.exit_code == 0, result.output
    return result.output


def test_from_a_terminal(control: Control) -> None:
    (alert,) = add_alerts(control)
    site = str(alert.site_id)

    listed = json.loads(run(control, "list", "--json"))
    run(control, "ack", str(alert.id))
    run(control, "close", str(alert.id), "--outcome", "true")
    rules = run(control, "rules")
    wishes = json.loads(run(control, "settings", site, "--quiet", "22:00-06:00", "--language", "en", "--json"))
    kept = json.loads(run(control, "settings", site, "--cooldown-s", "60", "--json"))

    assert [row["id"] for row in listed] == [alert.id]
    assert "not enough data" in rules
    assert (wishes["quiet_from"], kept["quiet_until"], kept["cooldown_s"]) == ("22:00", "06:00", 60)
    assert json.loads(run(control, "list", "--state", "closed", "--json"))[0]["outcome"] == "true"
