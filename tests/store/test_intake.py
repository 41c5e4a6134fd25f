"""One statement stores a flush: each event once, with its marks, its tallies and its dead letters."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressvision_store import intake
from stressvision_store.binary import Connection
from stressvision_store.flushes import Flush
from stressvision_store.records import GAP, LAYOUTS, binary_columns, content_of, id_of, pack_array, place_of
from stressvision_store.tables import RawEvent
from support.database import Database
from support.flushes import MODELS, NOW, flush_of, letter, merged, record, rows, run
from support.intake import make_episode, make_gap, make_window


def store(database: Database, *flushes: Flush) -> list:
    async def use(connection: Connection) -> list:
        return [await intake.store(connection, flush, MODELS) for flush in flushes]

    return run(database, use)


def test_layouts_fill_every_column_of_the_table():
    filled = {name for layout in LAYOUTS for name, _ in layout.columns} - {"model"}
    assert filled | {"kind", "received_at", "model_version"} == set(RawEvent.model_fields)


def test_a_record_tells_its_id_its_place_and_its_content():
    event = make_gap(NOW)
    first, again, other = record(event, place=7), record(event, shift_ms=5_000), record(event | {"lost": 1})
    assert id_of(first).hex() == event["event_id"].replace("-", "")
    assert place_of(first) == 7
    assert content_of(first) == content_of(again) != content_of(other)
    assert content_of(record(event, device=2))[0] == 2


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=20))
def test_arrays_are_as_postgres_reads_them(numbers):
    data = pack_array("int4", numbers)
    assert len(data) == (12 if not numbers else 20 + 8 * len(numbers))
    assert [int.from_bytes(data[n + 4 : n + 8], signed=True) for n in range(20, len(data), 8)] == numbers


def test_columns_slice_records():
    records = [record(make_gap(NOW, lost=n), place=n) for n in (3, 5)]
    columns = dict(zip((name for name, _ in GAP.columns), binary_columns(GAP, records), strict=True))
    type_, data = columns["lost"]
    assert type_ == "int4"
    assert [data[-12:-8], data[-4:]] == [(3).to_bytes(4), (5).to_bytes(4)]


@pytest.mark.db
def test_stores_every_kind_and_says_that_all_were_new(database: Database):
    events = [make_window(NOW, seq=1), make_episode(NOW, seq=2), make_gap(NOW, seq=3, lost=6)]
    assert store(database, flush_of(*events, shift_ms=1_500, model=2)) == [None]
    assert rows(database, "SELECT seq, kind, model_version, clock_shift_ms FROM events ORDER BY seq") == [
        (1, 1, "other-2", 1_500),
        (2, 2, "other-2", 1_500),
        (3, 3, "other-2", 1_500),
    ]
    ((ended,),) = rows(database, "SELECT DISTINCT ended_at FROM events")
    assert ended == NOW + timedelta(milliseconds=1_500)
    assert rows(database, "SELECT stored, duplicate, rejected, lost, max_seq FROM intake_tallies") == [(3, 0, 0, 6, 3)]


@pytest.mark.db
def test_says_which_were_new_when_some_were_not(database: Database):
    known, new = make_window(NOW), make_window(NOW)
    assert store(database, flush_of(known), flush_of(known, new), flush_of(known)) == [
        None,
        frozenset({bytes.fromhex(new["event_id"].replace("-", ""))}),
        frozenset(),
    ]


@pytest.mark.db
def test_marks_are_written_for_new_windows_and_episodes_only(database: Database):
    known = make_window(NOW - timedelta(hours=1))
    store(database, flush_of(known), flush_of(known, make_gap(NOW)), flush_of(make_episode(NOW)))
    assert [mark for (mark,) in rows(database, "SELECT device_id FROM dirty_windows")] == [1, 1]
    assert rows(
        database, "SELECT count(*) FROM dirty_windows WHERE bucket_at <> date_bin('5 min', bucket_at, 'epoch')"
    ) == [(0,)]


@pytest.mark.db
def test_tallies_are_kept_by_device(database: Database):
    one, two = flush_of(make_window(NOW, seq=5), make_gap(NOW, lost=2)), flush_of(make_window(NOW, seq=9), device=2)
    third = Flush(letters=[letter(device_id=3)], sent={3: (1, -1)})
    store(database, merged(one, two, third))
    assert rows(
        database, "SELECT device_id, stored, duplicate, rejected, lost, max_seq FROM intake_tallies ORDER BY 1"
    ) == [
        (1, 2, 0, 0, 2, 5),
        (2, 1, 0, 0, 0, 9),
        (3, 0, 0, 1, 0, None),
    ]


@pytest.mark.db
def test_a_refused_event_is_kept_once(database: Database):
    letters = [letter(), letter(event_id="x"), letter(body=b"6"), letter(reason="bad_text"), letter(device_id=2)]
    flush = Flush(letters=letters, sent={1: (4, -1), 2: (1, -1)})
    store(database, flush, flush)
    assert rows(database, "SELECT count(*) FROM dead_letters") == [(5,)]
    assert rows(database, "SELECT sum(rejected), sum(duplicate) FROM intake_tallies") == [(5, 5)]


@pytest.mark.db
def test_a_conflict_moves_from_duplicates_to_refusals(database: Database):
    async def use(connection: Connection) -> None:
        await intake.refuse(connection, [letter(reason="conflict"), letter(reason="conflict", event_id="y")])
        await intake.refuse(connection, [letter(reason="conflict")])

    run(database, use)
    assert rows(database, "SELECT sum(duplicate), sum(rejected) FROM intake_tallies") == [(-2, 2)]


@pytest.mark.db
def test_verdicts_by_what_is_stored(database: Database):
    event, twice = make_window(NOW, faces=1), make_window(NOW, faces=1)
    first = record(event)
    replay, forged = record(event, place=1), record(event | {"faces": 2}, place=2)
    pair = [record(twice, place=3), record(twice, place=4)]

    async def use(connection: Connection) -> dict:
        await intake.store(connection, Flush(windows=[first], sent={1: (1, 1)}), MODELS)
        flush = Flush(windows=sorted([replay, forged, *pair]), sent={1: (4, 1)})
        inserted = await intake.store(connection, flush, MODELS)
        return await intake.verdicts(connection, flush.records(), inserted)

    verdicts = run(database, use)
    assert (verdicts[replay], verdicts[forged]) == (["duplicate"], ["conflict"])
    assert sorted(verdicts[pair[0]] + verdicts[pair[1]]) == ["duplicate", "stored"]


@pytest.mark.db
def test_absurd_clocks_have_a_partition_and_meet_their_replay(database: Database):
    ids = ["00000000-0000-7000-8000-000000000001", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
    events = [make_window(NOW, event_id=event_id) for event_id in ids]
    assert store(database, flush_of(*events), flush_of(*events)) == [None, frozenset()]


@pytest.mark.db
def test_a_failed_statement_leaves_nothing(database: Database):
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("ALTER TABLE events ADD CONSTRAINT unlucky CHECK (faces <> 13)")
    flush = flush_of(make_window(NOW), make_window(NOW, faces=13), letters=[letter()])
    with pytest.raises(psycopg.IntegrityError):
        store(database, flush)
    for table in ("events", "dirty_windows", "intake_tallies", "dead_letters"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(0,)]


events = st.lists(st.integers(0, 11), max_size=12)
POOL = [make(NOW - timedelta(minutes=7 * n), seq=n) for n, make in enumerate([make_window, make_episode, make_gap] * 4)]


@pytest.mark.db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 3), events), min_size=1, max_size=5))
def test_any_order_of_sendings_stores_each_event_once(database: Database, sendings):
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("TRUNCATE events, dirty_windows, intake_tallies, dead_letters")
    owner: dict[int, int] = {}
    for device, numbers in sendings:
        for number in numbers:
            owner.setdefault(number, device)
    store(database, *[flush_of(*[POOL[n] for n in numbers], device=device) for device, numbers in sendings])
    assert dict(rows(database, "SELECT seq, device_id FROM events")) == owner
    sent = sum(len(numbers) for _, numbers in sendings)
    assert rows(
        database, "SELECT coalesce(sum(stored), 0), coalesce(sum(stored + duplicate), 0) FROM intake_tallies"
    ) == [(len(owner), sent)]
    marks = {(owner[n], POOL[n]["started_at"]) for n in owner if POOL[n]["kind"] != "gap"}
    assert rows(database, "SELECT count(*) FROM dirty_windows")[0][0] <= len(marks)
