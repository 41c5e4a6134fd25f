"""What the operator sees of how good a model is: of days that are over and of five devices or more, never less."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from support.database import Database

pytestmark = pytest.mark.db

EVEN = [500, 200, 100, 100, 100]
TIRED = [200, 200, 100, 100, 400]


@pytest.fixture
def model(database: Database) -> Database:
    do(
        database,
        "INSERT INTO model_versions (version, digest, manifest) VALUES ('1.0.0', 'd', %s)",
        '{"scores": {"int8": {"test": {"macro_f1": 0.84, "accuracy": 0.87, "ece": 0.01, "fatigue_recall": 0.8}}}}',
    )
    return database  # fmt: skip


def do(database: Database, statement: str, *values: Any) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(statement.encode(), values)


def add_day(database: Database, days_ago: int, mix: list[int] = EVEN, *, devices: int | None = 5) -> None:
    do(
        database,
        "INSERT INTO model_days (model_version, day, windows, mix, confidence_ppm, devices, blind_windows, "
        "captured_ms, observed_ms) "
        "VALUES ('1.0.0', (now() AT TIME ZONE 'UTC')::date - %s::int, 90, %s, 72000000, %s, 10, 1000, 850)",
        days_ago, mix, devices,
    )  # fmt: skip


def seen(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """As the operators' dashboards read it."""
    with psycopg.connect(database.url("grafana_ops")) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_mix_is_told_of_days_that_are_over_and_of_five_devices(model: Database) -> None:
    add_day(model, 40)
    add_day(model, 5, devices=4)
    add_day(model, 4, devices=None)  # from before devices were counted
    add_day(model, 3)
    add_day(model, 2)  # is counted anew when late events come
    add_day(model, 0)

    told = seen(model, "SELECT DISTINCT (now() AT TIME ZONE 'UTC')::date - day FROM ops.model_mix ORDER BY 1")

    assert told == [(3,), (40,)]
    assert len(seen(model, "SELECT * FROM ops.model_days")) == 6


def test_shares_are_whole_per_cent_against_the_first_28_days(model: Database) -> None:
    add_day(model, 50, [0, 333, 333, 334, 0])
    add_day(model, 49, EVEN)
    add_day(model, 10, TIRED)  # 40 days after the first: no reference

    rows = seen(model, "SELECT label, share, usual FROM ops.model_mix WHERE day > now() - interval '11 days'")

    assert {label: (share, usual) for label, share, usual in rows} == {
        "neutral": (Decimal("0.20"), Decimal("0.25")),
        "stress": (Decimal("0.20"), Decimal("0.27")),
        "sad": (Decimal("0.10"), Decimal("0.22")),
        "happy": (Decimal("0.10"), Decimal("0.22")),
        "fatigue": (Decimal("0.40"), Decimal("0.05")),
    }
    (first,) = seen(model, "SELECT min(share), max(share) FROM ops.model_mix WHERE day < now() - interval '49 days'")
    assert first == (Decimal("0.01"), Decimal("0.50"))


def test_a_day_like_the_reference_has_moved_nowhere(model: Database) -> None:
    for ago in (45, 44, 43):
        add_day(model, ago)
    add_day(model, 4, TIRED)

    rows = seen(model, "SELECT psi, confidence, usual_confidence FROM ops.model_shift ORDER BY day")

    assert [float(row[0]) for row in rows[:3]] == [0, 0, 0]
    assert float(rows[3][0]) > 0.5
    assert {row[1:] for row in rows} == {(Decimal("0.80"), Decimal("0.80"))}


def test_seeing_confidence_and_scores_of_every_day_and_version(model: Database) -> None:
    add_day(model, 0)

    (day,) = seen(model, "SELECT windows, round(confidence::numeric, 2), coverage, blind_share FROM ops.model_days")
    (scores,) = seen(model, "SELECT version, macro_f1, accuracy, ece, fatigue_recall FROM ops.models")

    assert day == (90, Decimal("0.80"), Decimal("0.85"), Decimal("0.10"))
    assert scores == ("1.0.0", 0.84, 0.87, 0.01, 0.8)


def test_a_score_that_is_no_number_is_unknown(model: Database) -> None:
    odd = '{"scores": {"int8": {"test": {"accuracy": "good", "ece": 0.02}}}}'
    do(model, "UPDATE model_versions SET manifest = manifest || %s::jsonb", odd)

    (scores,) = seen(model, "SELECT accuracy, macro_f1, ece FROM ops.models")

    assert scores == (None, None, 0.02)


def test_latency_is_that_of_devices_heard_of_within_a_day(model: Database) -> None:
    for number, (p95_s, bad, heard) in enumerate(((0.02, 0, "1 hour"), (0.05, 3, "2 hours"), (9.0, 99, "2 days"))):
        do(
            model,
            "INSERT INTO devices (public_key, hostname, hardware, agent_version) VALUES (%s, 'pi', 'Pi 5', '1')",
            str(number).encode(),
        )
        do(
            model,
            "INSERT INTO device_states "
            "(device_id, heartbeat_at, boot_id, agent_version, model_version, next_seq, report) "
            "SELECT max(id), now() - %s::interval, 'b', '1', '1.0.0', 1, "
            "jsonb_build_object('inference_p95_s', %s::float, 'bad_outputs', %s::int, 'coverage', 0.8) FROM devices",
            heard, p95_s, bad,
        )  # fmt: skip

    rows = seen(model, "SELECT model_version, devices, inference_p95_s, slowest_s, bad_outputs FROM ops.model_devices")

    assert rows == [("1.0.0", 2, pytest.approx(0.035), 0.05, 3)]
