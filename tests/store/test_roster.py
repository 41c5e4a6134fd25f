"""The roster, brought in whole or not at all, and given back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from stressvision_store import consents, people, places, shifts
from stressvision_store.roster import RosterOutcome, import_roster
from stressvision_store.roster_csv import format_weekdays, write_roster
from stressvision_store.roster_export import export_roster
from stressvision_store.workforce_tables import Assignment, Consent, Site
from support.database import Database
from support.workforce import TODAY, Workforce

pytestmark = pytest.mark.db

LINE = {
    "site": "Callao", "time_zone": "America/Lima", "area": "Paint", "station": "P1", "shift": "Night",
    "starts": "22:00", "ends": "06:00", "weekdays": "1-5", "breaks": "02:00-02:30", "pseudonym": "E-1", "name": "Ana",
    "badge": "0042", "consent_given": "2026-01-05", "notice_version": "v1", "first_date": "2026-01-05",
}  # fmt: skip


def bring(session: Session, *lines: dict[str, str], dry_run: bool = False) -> RosterOutcome:
    return import_roster(session, write_roster(lines).encode(), dry_run=dry_run)


def line(**changes: str) -> dict[str, str]:
    return LINE | changes


def said(outcome: RosterOutcome) -> list[tuple[int, str, str]]:
    return [(bad.line, bad.column, bad.message) for bad in outcome.bad]


def done(outcome: RosterOutcome) -> list[str]:
    return [f"{change.action} {change.noun} {change.what}" for change in outcome.changes]


def test_one_line_brings_all_there_is_to_a_person(session: Session) -> None:
    outcome = bring(session, LINE)
    assert (outcome.applied, outcome.bad) == (True, [])
    assert done(outcome) == [
        "create site Callao (America/Lima)",
        "create shift Callao / Night (22:00–06:00)",
        "create area Callao / Paint",
        "create station Callao / Paint / P1",
        "create employee E-1",
        "change employee E-1: name",
        "change employee E-1: badge",
        "create consent E-1 to v1",
        "create assignment E-1 at P1 in Night 2026-01-05–",
    ]
    employee = people.employee_with_badge(session, "0042")
    assert people.name_of(session, employee.id or 0) == "Ana"
    (consent,) = session.exec(select(Consent).where(col(Consent.employee_id) == employee.id)).all()
    assert consent.given_at.isoformat() == "2026-01-05T05:00:00+00:00"


def test_the_same_file_again_changes_nothing(session: Session) -> None:
    bring(session, LINE)
    assert done(bring(session, LINE)) == []


def test_a_dry_run_tells_the_same_and_does_nothing(session: Session) -> None:
    tried = bring(session, LINE, dry_run=True)
    assert tried.applied is False
    assert places.find_site(session, "Callao") is None
    assert done(tried) == done(bring(session, LINE))


def test_one_bad_line_and_nothing_is_brought_in(session: Session) -> None:
    outcome = bring(session, LINE, line(site="Ilo", pseudonym="E-2", badge="", time_zone="Ilo"))
    assert outcome.applied is False
    assert session.exec(select(Site)).all() == []


def test_every_bad_line_is_listed_and_none_that_is_good(session: Session) -> None:
    outcome = bring(
        session,
        LINE,
        line(pseudonym="E-2", badge="7", time_zone="Lima", starts="late", station="P2"),
        line(pseudonym="E-3", badge="8", time_zone="Lima", station="P3", first_date=""),
        line(pseudonym="E-4", badge="9", station="", area="", shift="", starts="", ends="", weekdays="", breaks=""),
        line(pseudonym="E-5", badge="10", station="P5", consent_given="2026-13-01", notice_version=""),
        {"site": "", "area": "Paint"},
        {"site": "Callao", "station": "P9"},
        {"site": "Callao", "name": "Nobody"},
        {"site": "Callao", "pseudonym": "E-6", "station": "P1", "area": "Paint"},
        {"site": "Callao", "starts": "06:00"},
    )
    assert [(line, column) for line, column, _ in said(outcome)] == [
        (3, "starts"), (3, "time_zone"), (4, "first_date"), (4, "time_zone"), (5, "shift"), (5, "station"),
        (6, "consent_given"), (7, "site"), (8, "area"), (9, "pseudonym"), (10, "shift"), (11, "shift"),
    ]  # fmt: skip


def test_what_is_missing_is_said_even_where_another_line_has_it_wrong(session: Session) -> None:
    outcome = bring(
        session,
        {"site": "Callao", "time_zone": "Lima", "shift": "Day", "starts": "late", "ends": "14:00"},
        {"site": "Ilo", "shift": "Day", "starts": "06:00", "ends": "14:00"},
        {"site": "Paita", "time_zone": "America/Lima", "shift": "Day", "ends": "14:00"},
    )
    assert [bad[:2] for bad in said(outcome)] == [(2, "starts"), (2, "time_zone"), (3, "time_zone"), (4, "starts")]


def test_without_a_site_column_that_alone_is_said(session: Session) -> None:
    outcome = import_roster(session, b"area\nPaint\nPress\n")
    assert [bad[:2] for bad in said(outcome)] == [(1, "site")]


def test_lines_that_contradict_each_other_are_named(session: Session) -> None:
    outcome = bring(
        session,
        LINE,
        line(station="P2", pseudonym="E-2", badge="7", starts="23:00"),
        line(site="Ilo", station="P3"),
        line(station="P4", pseudonym="E-4", badge="8", time_zone="America/Bogota"),
    )
    assert (3, "starts", "line 2 says otherwise of 'Night'; make them agree") in said(outcome)
    assert (4, "site", "line 2 says otherwise of 'E-1'; make them agree") in said(outcome)
    assert (5, "time_zone", "line 2 says otherwise of 'Callao'; make them agree") in said(outcome)


@pytest.mark.parametrize(
    ("lines", "column", "message"),
    [
        ([line(time_zone="")], "time_zone", "must give its time zone"),
        ([line(starts="", breaks="")], "starts", "must say when it starts"),
        ([line(breaks="12:00-12:30")], "breaks", "does not lie inside"),
        ([LINE, line(shift="Early", starts="05:00", ends="08:00", breaks="")], "starts", "overlaps shift"),
        ([LINE, line(station="P2")], "first_date", "already stands at station"),
        ([LINE, line(pseudonym="E-2", badge="")], "first_date", "the station already has 'E-1'"),
        ([LINE, line(pseudonym="E-2", station="P2")], "badge", "holds this badge"),
        ([line(last_date="2026-01-04")], "last_date", "before it begins"),
        ([line(consent_given=(TODAY + timedelta(days=2)).isoformat())], "consent_given", "in the future"),
    ],
)
def test_what_the_store_refuses_is_said_of_the_cell(
    session: Session, lines: Sequence[dict[str, str]], column: str, message: str
) -> None:
    outcome = bring(session, *lines)
    (found,) = said(outcome)
    assert found[:2] == (len(lines) + 1, column)
    assert message in found[2]


def test_a_file_that_hands_over_a_station_and_a_badge_is_taken_in_any_order(session: Session) -> None:
    bring(session, LINE)
    heir = line(pseudonym="E-2", name="Rosa", badge="0042", first_date="2026-02-01")
    ended = line(badge="0043", last_date="2026-01-31")
    outcome = bring(session, heir, ended)
    assert outcome.bad == []
    assert outcome.applied is True
    assert people.employee_with_badge(session, "0042").pseudonym == "E-2"
    assert people.employee_with_badge(session, "0043").pseudonym == "E-1"


def test_shifts_may_make_room_for_each_other(session: Session) -> None:
    day = {"site": "Callao", "shift": "Day", "starts": "06:00", "ends": "14:00"}
    bring(session, LINE, day)
    outcome = bring(session, day | {"starts": "05:00"}, {"site": "Callao", "shift": "Night", "ends": "05:00"})
    assert done(outcome) == ["change shift Callao / Day (05:00–14:00)", "change shift Callao / Night (22:00–05:00)"]


def test_only_what_the_file_says_is_changed(session: Session) -> None:
    bring(session, LINE, line(station="P2", pseudonym="E-2", badge=""))
    night = {"site": "Callao", "shift": "Night", "breaks": "-"}
    assert done(bring(session, night)) == ["change shift Callao / Night (22:00–06:00)"]
    site = places.find_site(session, "Callao")
    assert site is not None
    shift = shifts.find_shift(session, site_id=site.id or 0, name="Night")
    assert shift is not None
    assert shifts.hours_of(session, shift).weekdays == (1, 2, 3, 4, 5)
    assert shifts.hours_of(session, shift).breaks == ()
    assert len(session.exec(select(Assignment)).all()) == 2


def test_a_last_date_stays_where_the_file_has_no_such_column(session: Session) -> None:
    bring(session, line(last_date="2026-06-30"))
    short = {column: value for column, value in LINE.items() if column != "last_date"}
    text = ",".join(short) + "\n" + ",".join(short.values()) + "\n"
    assert done(import_roster(session, text.encode())) == []
    assert done(bring(session, LINE)) == ["change assignment E-1 at P1 in Night 2026-01-05–"]


def test_a_withdrawn_consent_is_not_brought_back(session: Session) -> None:
    bring(session, LINE)
    (consent,) = session.exec(select(Consent)).all()
    consents.withdraw_consent(session, consent.id or 0, withdrawn_at=consent.given_at + timedelta(days=9))
    assert done(bring(session, LINE)) == []
    (bad,) = said(bring(session, line(consent_given="2026-01-08")))
    assert "a new consent is later" in bad[2]
    assert done(bring(session, line(consent_given="2026-01-20"))) == ["create consent E-1 to v1"]


def test_a_person_of_another_site_is_not_moved(session: Session, workforce: Workforce) -> None:
    outcome = bring(session, line(site="Ilo", time_zone="America/Lima"))
    assert [bad[:2] for bad in said(outcome)] == [(2, "site")]
    assert "belongs to another site" in outcome.bad[0].message


def test_what_no_assignment_mentions_is_exported_too(session: Session, workforce: Workforce) -> None:
    places.create_area(session, site_id=workforce.site, name="Empty")
    places.create_site(session, name="Ilo", time_zone="America/Lima")
    people.set_name(session, workforce.employees[0], "Ana")
    lines = list(export_roster(session, with_names=True))
    assert [" ".join(value for value in each.values() if value) for each in lines] == [
        "Callao America/Lima Empty",
        "Callao America/Lima Paint P1",
        "Callao America/Lima Paint P2",
        "Callao America/Lima Day 06:00 14:00 1-7",
        "Callao America/Lima Night 22:00 06:00 1-7",
        "Callao America/Lima E-1 Ana",
        "Callao America/Lima E-2",
        "Ilo America/Lima",
    ]
    assert not any("name" in each for each in export_roster(session, with_names=False))
    assert [each["site"] for each in export_roster(session, site_id=workforce.site, with_names=False)] == ["Callao"] * 7


words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
names = words.filter(bool)


@st.composite
def rosters(draw: st.DrawFn) -> list[dict[str, str]]:
    """A roster that holds together: shifts side by side, one person a station and shift."""
    lines: list[dict[str, str]] = []
    for site in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        place = {"site": site, "time_zone": draw(st.sampled_from(["America/Lima", "Europe/Madrid"]))}
        shift_names = draw(st.lists(names, max_size=3, unique=True))
        days = draw(st.sets(st.integers(1, 7), min_size=1))
        hours = [
            {
                "shift": name,
                "starts": f"{8 * n + 6:02}:00"[:5] if n < 2 else "22:00",
                "ends": f"{(8 * n + 14) % 24:02}:00",
                "weekdays": format_weekdays(sorted(days)),
                "breaks": draw(st.sampled_from(["", f"{(8 * n + 8) % 24:02}:00-{(8 * n + 8) % 24:02}:30"])),
            }
            for n, name in enumerate(shift_names)
        ]
        lines += [place, *(place | each for each in hours)]
        for area in draw(st.lists(names, max_size=2, unique=True)):
            for station in draw(st.lists(names, max_size=2, unique=True)):
                spot = place | {"area": area, "station": station}
                lines.append(spot)
                lines += [spot | each | draw(people_there()) for each in hours if draw(st.booleans())]
    return lines


@st.composite
def people_there(draw: st.DrawFn) -> dict[str, str]:
    first = TODAY - timedelta(days=draw(st.integers(1, 400)))
    person = {"pseudonym": f"{draw(names)} {draw(st.uuids())}", "first_date": first.isoformat()}
    optional: dict[str, Any] = {
        "name": draw(names),
        "last_date": (first + timedelta(days=draw(st.integers(0, 90)))).isoformat(),
    }
    kept = {column: value for column, value in optional.items() if draw(st.booleans())}
    if draw(st.booleans()):
        kept |= {"consent_given": first.isoformat(), "notice_version": draw(names)}
    return person | kept


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(lines=rosters())
def test_what_is_exported_comes_in_again_the_same(shared_database: Database, lines: list[dict[str, str]]) -> None:
    engine = shared_database.engine("control")
    with Session(engine) as session, session.begin() as transaction:
        first = bring(session, *lines)
        assert first.bad == []
        exported = list(export_roster(session, with_names=True))
        assert done(bring(session, *exported)) == []
        transaction.rollback()
    with Session(engine) as session, session.begin() as transaction:
        again = bring(session, *exported)
        assert again.bad == []
        # rows come in the order in which they were made, which a second import may change
        assert sorted(map(repr, export_roster(session, with_names=True))) == sorted(map(repr, exported))
        transaction.rollback()
