"""A flush of new events leaves the same behind as by the statement that tells replays apart, or nothing."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressvision_store import fresh, intake
from stressvision_store.flushes import Flush
from stressvision_store.intake_statements import BUCKET
from support.database import Database
from support.flushes import MODELS, NOW, flush_of, merged, rows, run
from support.intake import make_episode, make_gap, make_window

LEFT = {
    "events": "SELECT to_jsonb(events) - 'received_at' FROM events ORDER BY event_id",
    "marks": "SELECT device_id, bucket_at FROM dirty_windows ORDER BY 1, 2",
    "tallies": "SELECT device_id, stored, duplicate, rejected, lost, max_seq FROM intake_tallies ORDER BY 1",
}
MAKERS = (make_window, make_episode, make_gap)

sent = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(MAKERS), st.integers(-4_000, 4_000), st.integers(0, 50)),
    min_size=1,
    max_size=25,
)


def _new(database: Database, flush: Flush) -> bool:
    return run(database, lambda connection: fresh.store(connection, flush, MODELS))


def _left(database: Database) -> dict[str, list[tuple]]:
    return {name: rows(database, statement) for name, statement in LEFT.items()}


def _clear(database: Database) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("TRUNCATE events, dirty_windows, intake_tallies")


def test_the_grid_is_that_of_the_statement() -> None:
    assert f"{fresh.BUCKET_S // 60} min" == BUCKET


@pytest.mark.db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent)
def test_it_leaves_what_the_statement_leaves(database: Database, sent: list[tuple]) -> None:
    by_device: dict[int, list[dict]] = {}
    for device, make, shift_s, seq in sent:
        by_device.setdefault(device, []).append(make(NOW + timedelta(seconds=shift_s), seq=seq))
    flush = merged(*(flush_of(*events, device=device, model=2) for device, events in by_device.items()))
    left = []
    for way in (fresh.store, intake.store):
        _clear(database)
        assert run(database, lambda connection, way=way: way(connection, flush, MODELS)) in (True, None)
        left.append(_left(database))
    assert len(left[0]["events"]) == len(sent)
    assert left[0] == left[1]
    _clear(database)


@pytest.mark.db
def test_one_replay_undoes_the_whole(database: Database) -> None:
    known, new = make_window(NOW, seq=1), make_window(NOW, seq=2)
    assert _new(database, flush_of(known))
    before = _left(database)
    assert not _new(database, flush_of(known, new))
    assert not _new(database, flush_of(new, new)), "an event that comes twice in one flush is a replay too"
    assert _left(database) == before
    assert _new(database, flush_of(new))
