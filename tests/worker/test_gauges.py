import math

import psycopg
import pytest
from prometheus_client import REGISTRY

from stressvision_store.fleet_states import FLEET_STATES
from stressvision_worker.gauges import refresh_gauges
from support import plants
from support.database import Database

pytestmark = pytest.mark.db


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_gauges_say_what_stands_in_the_database(database: Database) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        online, stale, _, revoked, off = (plants.add_device(connection, name) for name in "abcde")
        connection.execute("UPDATE devices SET revoked_at = now() WHERE id = %s", [revoked])
        for device, age, produced, spooled in ((online, "1 min", 100, 10), (stale, "1 hour", 50, 0), (off, "0", 0, 0)):
            connection.execute(
                "INSERT INTO device_states (device_id, heartbeat_at, boot_id, agent_version, next_seq, spooled, report)"
                " VALUES (%s, now() - %s::interval, 'b', '1', %s, %s, jsonb_build_object('paused', %s::boolean))",
                [device, age, produced, spooled, device == off],
            )
        connection.execute("INSERT INTO device_accounts VALUES (%s, 60, 5, 2, 3, 99)", [online])
        connection.execute(
            "INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost) VALUES (%s, 20, 0, 0, 0),"
            " (%s, 70, 0, 0, 0)",
            [online, stale],
        )
        connection.execute(
            "INSERT INTO dirty_windows (device_id, bucket_at, marked_at) VALUES (%s, now(), now() - interval '1 min')",
            [online],
        )
        cloned = plants.add_device(connection, "f")
        connection.execute("UPDATE devices SET cloned_at = now() WHERE id IN (%s, %s)", [cloned, revoked])

    refresh_gauges(database.engine("worker"))

    states = {state: value("stressvision_agents", state=state) for state in FLEET_STATES}
    assert states == dict.fromkeys(FLEET_STATES, 1), "the words of the list of devices, its own off switch included"
    assert value("stressvision_dirty_windows") == 1
    assert value("stressvision_oldest_dirty_window_age_seconds") == pytest.approx(60, abs=10)
    assert value("stressvision_unaccounted_events") == 100 - 10 - 60 - 2 - 3 - 20, (
        "what arrived too early hides nothing"
    )
    assert value("stressvision_default_partition_events") == 0
    assert value("stressvision_devices_cloned") == 1, "a revoked one cannot speak any more"


def test_latency_bad_answers_and_spools_of_the_fleet(database: Database) -> None:
    refresh_gauges(database.engine("worker"))
    assert math.isnan(value("stressvision_fleet_inference_p95_seconds", kind="median") or 0), "nobody has said"

    with psycopg.connect(database.url("owner")) as connection:
        devices = [plants.add_device(connection, name) for name in "abcd"]
        connection.execute("UPDATE devices SET revoked_at = now() WHERE id = %s", [devices[3]])
        for device, age, p95_s, bad, spool_s in zip(
            devices, ("1 min", "2 hours", "2 days", "1 min"), (0.02, 0.04, 9, 9), (0, 3, 99, 99), (5, 600, 1e6, 1e6),
            strict=True,
        ):  # fmt: skip
            connection.execute(
                "INSERT INTO device_states (device_id, heartbeat_at, boot_id, agent_version, next_seq, spooled, "
                "spool_age_s, report) VALUES (%s, now() - %s::interval, 'b', '1', 1, 1, %s, "
                "jsonb_build_object('inference_p95_s', %s::float, 'bad_outputs', %s::int))",
                [device, age, spool_s, p95_s, bad],
            )

    refresh_gauges(database.engine("worker"))

    assert value("stressvision_fleet_inference_p95_seconds", kind="median") == pytest.approx(0.03)
    assert value("stressvision_fleet_inference_p95_seconds", kind="slowest") == 0.04
    assert value("stressvision_fleet_bad_outputs") == 3
    assert value("stressvision_fleet_oldest_spooled_seconds") == 600


def test_training_jobs_by_state_and_how_long_one_waits(database: Database) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(
            "INSERT INTO training_jobs (recipe, recipe_text, changes, version, trigger, state, requested_by, "
            "created_at, ended_at, error) VALUES "
            "('a', '', '{}', '1', 'manual', 'queued', 'Rosa', now() - interval '1 hour', NULL, NULL),"
            "('a', '', '{}', '2', 'manual', 'failed', 'Rosa', now() - interval '2 hours', now(), 'why'),"
            "('a', '', '{}', '3', 'manual', 'failed', 'Rosa', now(), now() - interval '2 days', 'why')"
        )
    refresh_gauges(database.engine("worker"))
    states = {state: value("stressvision_training_jobs", state=state) for state in ("queued", "running", "failed")}
    assert states == {"queued": 1, "running": 0, "failed": 1}
    assert value("stressvision_training_oldest_waiting_seconds") == pytest.approx(3600, abs=10)
