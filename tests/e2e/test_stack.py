"""A plant on the running platform, from outside: over HTTP and SQL alone, importing nothing of ours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from support.outside import SUMS, Plant, eventually, open_plant, post, uuid7

pytestmark = pytest.mark.e2e

WINDOWS = 10


@pytest.fixture(scope="module")
def plant(stack_settings: dict[str, str]) -> Iterator[Plant]:
    opened = open_plant(stack_settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sent(plant: Plant) -> list[dict[str, Any]]:
    """Ten minutes of windows, one episode of tiredness and a gap, stored by the device API."""
    start = plant.now - timedelta(minutes=40)
    events = []
    for minute in range(WINDOWS):
        at = start + timedelta(minutes=minute)
        seen = {"frames": 900, "faces": 810, "coverage": 0.9}
        shares = {
            "seconds": {"neutral": 40.0, "stress": 10.0, "fatigue": 4.0},
            "mean_probability": {"neutral": 0.7, "stress": 0.2, "fatigue": 0.1},
        }
        events.append({**plant.stamp(at, at + timedelta(minutes=1)), "kind": "window", **seen, **shares})
    tired = {"kind": "episode", "episode_id": str(uuid7(start)), "condition": "fatigue", "peak": 0.9, "mean": 0.8}
    opened, closed = start + timedelta(minutes=2), start + timedelta(minutes=4)
    events.append({**plant.stamp(start, opened), **tired, "phase": "open", "coverage": 0.9})
    events.append({**plant.stamp(start, closed), **tired, "phase": "close", "coverage": 0.9})
    events.append({**plant.stamp(closed, closed), "kind": "gap", "reason": "camera", "lost": 0})
    receipt = plant.send(events)
    assert receipt == {"stored": len(events), "duplicate": 0, "rejected": [], "acked_seq": plant.seq - 1}
    return events


EXPECTED = {
    "windows": WINDOWS, "captured_ms": WINDOWS * 60_000, "observed_ms": WINDOWS * 54_000,
    "neutral_ms": WINDOWS * 40_000, "stress_ms": WINDOWS * 10_000, "sad_ms": 0, "happy_ms": 0,
    "fatigue_ms": WINDOWS * 4_000,
    "neutral_weight": 700_000 * WINDOWS * 54_000, "stress_weight": 200_000 * WINDOWS * 54_000, "sad_weight": 0,
    "happy_weight": 0, "fatigue_weight": 100_000 * WINDOWS * 54_000,
    "stress_episodes": 0, "fatigue_episodes": 1,
}  # fmt: skip
NOTHING = dict.fromkeys(SUMS, 0)


def test_every_part_is_watched(plant: Plant) -> None:
    here = "http://127.0.0.1:"
    prometheus = f"{here}{plant.settings['STRESSVISION_PROMETHEUS_PORT']}/api/v1/targets"

    def all_up() -> bool:
        targets = httpx.get(prometheus, timeout=5).json()["data"]["activeTargets"]
        jobs = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return jobs == {"ingest", "control", "worker", "beat", "prometheus"}

    try:
        eventually(all_up, "every process scraped")
    except httpx.ConnectError:  # a native stack on a machine without Prometheus
        for name in ("INGEST_PORT", "CONTROL_PORT", "WORKER_METRICS_PORT", "BEAT_METRICS_PORT"):
            text = httpx.get(f"{here}{plant.settings[f'STRESSVISION_{name}']}/metrics", timeout=10).text
            assert "\nstressvision_" in text, name


def test_what_a_device_saw_shows_in_the_rollups_of_who_sat_there(plant: Plant, sent: list[dict[str, Any]]) -> None:
    eventually(lambda: plant.sums_of(plant.employees[0]) == EXPECTED, f"rollups of {EXPECTED}")
    assert plant.sums_of(plant.employees[1]) == NOTHING


def test_a_batch_sent_again_is_told_so_and_changes_nothing(plant: Plant, sent: list[dict[str, Any]]) -> None:
    receipt = plant.send(sent)
    assert (receipt["stored"], receipt["duplicate"], receipt["rejected"]) == (0, len(sent), [])
    [(stored,)] = plant.ask("SELECT count(*) FROM events WHERE device_id = %s", plant.device_id)
    assert stored == len(sent)
    eventually(lambda: plant.sums_of(plant.employees[0]) == EXPECTED, "the same numbers")


def test_one_bad_event_sinks_nothing(plant: Plant, sent: list[dict[str, Any]]) -> None:
    copied = {**sent[0], "frames": 901}
    lately = plant.now - timedelta(minutes=1)
    unknown = {**sent[1], **plant.stamp(lately, plant.now), "seconds": {"surprise": 1.0}}
    good = {**plant.stamp(plant.now, plant.now), "kind": "gap", "reason": "paused", "lost": 0}
    receipt = plant.send([copied, unknown, good])
    assert receipt["stored"] == 1
    assert {one["reason"] for one in receipt["rejected"]} == {"conflict", "unknown_label"}
    letters = plant.ask("SELECT reason FROM dead_letters WHERE device_id = %s ORDER BY id", plant.device_id)
    assert sorted(reason for (reason,) in letters) == ["conflict", "unknown_label"]


def test_the_books_of_a_device_balance(plant: Plant, sent: list[dict[str, Any]]) -> None:
    def balanced() -> bool:
        account = plant.control.get(f"/v1/devices/{plant.device_id}").json()["account"]
        if account is None:
            return False
        # the copy with other content is a repeat of an event that is counted already
        return bool(account["stored"] + account["rejected"] + account["lost"] == plant.seq + 1)

    eventually(balanced, "produced = stored + rejected + lost")


def test_a_heartbeat_brings_back_what_the_operator_wants(plant: Plant) -> None:
    def beat() -> dict[str, Any]:
        report = {"sent_at": datetime.now(UTC).isoformat(), "boot_id": plant.boot_id, "agent_version": "0.1.0"}
        answer = plant.device.post("/v1/heartbeat", json={**report, "next_seq": plant.seq, "spooled": 0})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    reply = beat()
    assert reply["site_profile"] == "safety"
    assert reply["paused"] is False
    assert abs(datetime.fromisoformat(reply["server_time"]) - datetime.now(UTC)) < timedelta(seconds=5)
    plant.control.post(f"/v1/devices/{plant.device_id}/pause").raise_for_status()
    eventually(lambda: beat()["paused"] is True, "the pause", 10)
    plant.control.post(f"/v1/devices/{plant.device_id}/resume").raise_for_status()
    eventually(lambda: beat()["paused"] is False, "the end of the pause", 10)


def test_a_roster_put_right_afterwards_moves_what_was_seen(plant: Plant, sent: list[dict[str, Any]]) -> None:
    plant.control.delete(f"/v1/assignments/{plant.assignment}").raise_for_status()
    first_date = (plant.now - timedelta(days=2)).date().isoformat()
    place = {"station_id": plant.station, "shift_id": plant.shift, "first_date": first_date}
    post(plant.control, "/v1/assignments", employee_id=plant.employees[1], **place)
    eventually(lambda: plant.sums_of(plant.employees[1]) == EXPECTED, "the second person's rollups")
    eventually(lambda: plant.sums_of(plant.employees[0]) == NOTHING, "nothing left with the first")


def test_a_consent_withdrawn_from_the_start_takes_everything_back(plant: Plant, sent: list[dict[str, Any]]) -> None:
    withdrawn_at = (plant.now - timedelta(days=1)).isoformat()
    post(plant.control, f"/v1/consents/{plant.consent}/withdraw", withdrawn_at=withdrawn_at)
    eventually(lambda: plant.sums_of(plant.employees[1]) == NOTHING, "nothing left after the withdrawal")
    reasons = plant.ask(
        "SELECT reason, sum(windows) FROM unattributed_windows WHERE device_id = %s GROUP BY 1", plant.device_id
    )
    assert reasons == [("no_consent", WINDOWS)]


@pytest.mark.parametrize("role", ["GRAFANA_HR", "GRAFANA_SAFETY", "GRAFANA_OPS"])
@pytest.mark.parametrize("table", ["rollup_windows", "events", "employee_names", "dead_letters"])
def test_dashboards_roles_read_no_table(plant: Plant, role: str, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        plant.ask(f"SELECT * FROM public.{table}", role=role)


def test_who_shows_no_token_or_a_revoked_one_is_shut_out(plant: Plant, sent: list[dict[str, Any]]) -> None:
    anonymous = {"Authorization": "Bearer nonsense"}
    assert plant.device.post("/v1/events", content="{}", headers=anonymous).status_code == 401
    assert plant.control.get("/v1/sites", headers=anonymous).status_code == 401
    plant.control.post(f"/v1/devices/{plant.device_id}/revoke").raise_for_status()
    eventually(lambda: plant.device.post("/v1/events", content="{}").status_code == 403, "the revocation", 10)
