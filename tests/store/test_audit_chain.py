"""The audit's chain: what was done to it afterwards is found, and it never forks."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from stressvision_store import audit, audit_chain, schema
from stressvision_store.audit_chain import ZERO, BrokenChainError, Head, Link, Walk, hash_of
from stressvision_store.session import transaction
from support.database import Database

SINCE = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)
WORDS = st.text(max_size=12)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Head, list[Link]]:
    links: list[Link] = []
    previous, first = ZERO, draw(st.integers(1, 3))
    for place, words in enumerate(draw(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=2, max_size=8)), 1):
        actor, action, subject, detail = words
        link = Link(
            place=place, entry_id=first + place * 2, hash=b"", at=SINCE + timedelta(microseconds=place),
            actor=actor, action=action, subject=subject, detail=detail,
        )  # fmt: skip
        previous = hash_of(previous, link)
        links.append(replace(link, hash=previous))
    return Head(place=len(links), hash=previous, dropped_place=0, dropped_hash=ZERO), links


def walk(head: Head, links: list[Link], expected: dict[int, bytes] | None = None) -> None:
    walking = Walk(head, expected=expected)
    walking.take(links)
    walking.finish()


@given(chains(), st.data())
def test_an_edit_a_deletion_an_insertion_or_a_swap_is_found(
    chain: tuple[Head, list[Link]], data: st.DataObject
) -> None:
    head, links = chain
    walk(head, links)
    at = data.draw(st.integers(0, len(links) - 1))
    match data.draw(st.sampled_from(["edit", "delete", "insert", "swap", "blank", "cut"])):
        case "edit":
            name = data.draw(st.sampled_from(["actor", "action", "subject", "detail"]))
            links[at] = replace(links[at], **{name: str(getattr(links[at], name)) + "x"})
        case "delete":
            links = [replace(link, place=n) for n, link in enumerate(links[:at] + links[at + 1 :], 1)]
        case "insert":
            false = replace(links[at], entry_id=999, hash=data.draw(st.binary(min_size=32, max_size=32)))
            links = [replace(link, place=n) for n, link in enumerate([*links[:at], false, *links[at:]], 1)]
        case "swap":
            other = data.draw(st.integers(0, len(links) - 1).filter(lambda n: n != at))
            links[at], links[other] = (replace(links[other], place=at + 1), replace(links[at], place=other + 1))
        case "blank":
            links[at] = replace(links[at], at=None)
        case "cut":
            links = links[:at]

    with pytest.raises(BrokenChainError) as broken:
        walk(head, links)

    assert 1 <= broken.value.place <= at + 1 or broken.value.place <= head.place


def test_the_first_entry_that_does_not_fit_is_named() -> None:
    head, links = Head(place=0, hash=ZERO, dropped_place=0, dropped_hash=ZERO), []
    for place in range(1, 6):
        link = Link(
            place=place, entry_id=place * 10, hash=b"", at=SINCE, actor="a", action="b", subject="c", detail="{}"
        )
        head = replace(head, place=place, hash=hash_of(head.hash, link))
        links.append(replace(link, hash=head.hash))
    links[2] = replace(links[2], subject="another")

    with pytest.raises(BrokenChainError) as broken:
        walk(head, links)

    assert (broken.value.place, broken.value.entry_id) == (3, 30)


def test_a_chain_made_anew_is_not_the_one_that_was_written_down() -> None:
    link = Link(place=1, entry_id=1, hash=b"", at=SINCE, actor="a", action="b", subject="c", detail="{}")
    link = replace(link, hash=hash_of(ZERO, link))
    head = Head(place=1, hash=link.hash, dropped_place=0, dropped_hash=ZERO)
    walk(head, [link], {1: link.hash})
    with pytest.raises(BrokenChainError, match="written down"):
        walk(head, [link], {1: hashlib.sha256(b"another").digest()})
    with pytest.raises(BrokenChainError, match="ends before"):
        walk(head, [link], {2: link.hash})


def write(database: Database, *subjects: str, role: str = "control") -> None:
    with transaction(database.engine(role)) as session:
        for subject in subjects:
            audit.append(session, actor="Ana", action="site.change", subject=subject, name="Ñuñoa “1”", n=1.50, x=None)


def check(database: Database) -> int:
    with transaction(database.engine("control")) as session:
        head = audit_chain.read_head(session)
        walk(head, list(audit_chain.read_links(session, after=head.dropped_place, limit=10_000)))
        return head.place


@pytest.mark.db
def test_postgres_and_python_make_the_same_chain(database: Database) -> None:
    write(database, "site 1", "site 2")
    write(database, 'a line\nand \\ "another" ☃', role="worker")
    write(database, "device 7", role="ingest")

    assert check(database) == 4


@pytest.mark.db
def test_many_writers_at_once_make_one_chain_and_leave_no_gap(database: Database) -> None:
    engine = database.engine("control")

    def one(n: int) -> None:
        try:
            with transaction(engine) as session:
                for part in range(3):
                    audit.append(session, actor=f"writer {n}", action="test", subject=f"{n}.{part}")
                    session.flush()
                if n % 5 == 0:
                    raise RuntimeError("taken back")
        except RuntimeError:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(100)))

    assert check(database) == 240


@pytest.mark.db
def test_nobody_changes_an_entry_and_the_owner_not_by_mistake(database: Database) -> None:
    write(database, "site 1")
    for role in ("control", "ingest", "worker", "owner"):
        for statement in (
            "UPDATE audit SET subject = 'site 2'",
            "DELETE FROM audit",
            "TRUNCATE audit CASCADE",
            "UPDATE audit_links SET hash = '\\x00'",
            "DELETE FROM audit_links",
        ):
            with (
                psycopg.connect(database.url(role)) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement)
    assert check(database) == 1


@pytest.mark.db
@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ("UPDATE audit SET subject = 'site 9' WHERE id = 3", 3),
        ("UPDATE audit SET at = at + interval '1 us' WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id = 4; DELETE FROM audit_links WHERE place = 4", 4),
        ("DELETE FROM audit WHERE id = 6; DELETE FROM audit_links WHERE place = 6", 6),
        ("INSERT INTO audit (actor, action, subject, detail) VALUES ('x', 'y', 'z', '{}')", 6),
    ],
)
def test_a_superuser_who_goes_around_everything_is_found(database: Database, tampering: str, place: int) -> None:
    write(database, *(f"site {n}" for n in range(1, 7)))
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(tampering)

    with pytest.raises(BrokenChainError) as broken:
        check(database)

    assert broken.value.place == place
    if "INSERT" not in tampering:  # what is outside the chain only a walk finds
        with transaction(database.engine("worker")) as session:
            assert audit_chain.broken_place(session) in {place, place + 1}


@pytest.mark.db
def test_an_audit_that_is_whole_alarms_nobody(database: Database) -> None:
    for subjects in ((), ("site 1",), ("site 2", "site 3")):
        write(database, *subjects)
        with transaction(database.engine("worker")) as session:
            assert audit_chain.broken_place(session) == 0
            assert audit_chain.broken_place(session, newest=2) == 0


@pytest.mark.db
def test_entries_of_three_years_and_more_go_and_the_chain_goes_on(database: Database) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        for days in (2000, 1500, 1200, 10):
            connection.execute(
                "INSERT INTO audit (at, actor, action, subject, detail) VALUES (now() - make_interval(days => %s), "
                "'a', 'b', 'c', '{}')",
                [days],
            )
    with psycopg.connect(database.url("worker")) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="three years"), connection.transaction():
            connection.execute("SELECT drop_audit_entries(now() - interval '2 years')")
        gone = connection.execute("SELECT drop_audit_entries(now() - interval '1300 days')").fetchone()
    assert gone == (2,)
    write(database, "site 1")

    assert check(database) == 5
    with transaction(database.engine("owner")) as session:
        assert session.scalar(text("SELECT count(*) FROM audit")) == 3


@pytest.mark.db
def test_what_a_transaction_wrote_is_sealed_before_it_ends(database: Database) -> None:
    with transaction(database.engine("control")) as session:
        audit.append(session, actor="Ana", action="privacy.erase", subject="employee 7")
        place, digest = audit_chain.seal(session)
    with transaction(database.engine("control")) as session:
        head = audit_chain.read_head(session)
    assert (head.place, head.hash) == (place, digest)
    assert check(database) == 1


@pytest.mark.db
def test_what_was_written_before_there_was_a_chain_is_linked_by_the_migration(empty_database: Database) -> None:
    owner_url = empty_database.url("owner")
    assert schema.upgrade(owner_url, "0006") == "0006"
    with psycopg.connect(owner_url) as connection:
        for n in range(5):
            connection.execute(
                "INSERT INTO audit (actor, action, subject, detail) VALUES ('Ana', 'x', %s, '{\"n\": 1.0}')",
                [f"site {n}"],
            )
        connection.execute("INSERT INTO sites (name, time_zone, profile) VALUES ('Lima', 'America/Lima', 'off')")
    schema.upgrade(owner_url)
    write(empty_database, "site 9")

    assert check(empty_database) == 6

    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT profile FROM profile_periods").fetchall() == [("off",)]
