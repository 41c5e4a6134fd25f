"""Reports say what the suppressed views say, in both languages and formats, and nothing of fewer than five people."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from string import Formatter

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from stressvision_store.publication import publish_day
from stressvision_store.refusals import InvalidError, NotFoundError
from stressvision_store.reports.figures import monday_of, period_cells, shift_figures, week_figures
from stressvision_store.reports.kept import make_report, reports_due
from stressvision_store.reports.rendering import cells_csv, render
from stressvision_store.reports.sheet import lay_out
from stressvision_store.reports.texts import TEXTS
from stressvision_store.session import transaction
from support.database import Database
from support.publication import AT_ONCE, K
from support.report_cells import GivenCell, published, write_cells, write_places

pytestmark = pytest.mark.db

TODAY = (datetime.now(UTC) - timedelta(hours=15)).date()
"""A week's report is due on Monday at nine in Lima; till then this is Sunday."""
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 7)
DAY = MONDAY + timedelta(days=2)


@pytest.fixture
def reader(database: Database) -> Iterator[Session]:
    with transaction(database.engine("control")) as session:
        yield session


@pytest.fixture
def month(database: Database) -> None:
    """Two areas over nine days before, at 10 % and 20 % by turns, and a day at 30 % and 50 %."""
    write_places(database, 2, 1)
    before = [
        GivenCell(area, 1, DAY - timedelta(days=ago), 6, tired=0.1 + 0.1 * (ago % 2))
        for ago in range(1, 10)
        for area in (1, 2)
    ]
    write_cells(database, [*before, GivenCell(1, 1, DAY, 6, tired=0.3), GivenCell(2, 1, DAY, 18, tired=0.5)])


@pytest.mark.usefixtures("month")
def test_the_numbers_of_a_shift_are_those_of_the_views(reader: Session) -> None:
    figures = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
    band = figures.band("fatigue_share")

    assert [(cell.area, cell.people, cell.fatigue_share) for cell in figures.cells] == [
        ("Área 1", 6, 0.3),
        ("Área 2", 18, 0.5),
    ]
    assert figures.mean("fatigue_share") == pytest.approx(0.45), "6 h at 30 % and 18 h at 50 %"
    assert figures.coverage == pytest.approx(0.5)
    assert band is not None
    assert (round(band.mean, 4), round(band.high, 4), band.low, band.days) == (
        0.1556,
        0.261,
        pytest.approx(0.0501, abs=1e-4),
        9,
    )
    assert (figures.all_cells, figures.withheld_cells, figures.thin_cells) == (2, 0, 0)


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ["Informe de turno: Lima, T1", "45 %: por encima de lo habitual", "5 % a 26 %, según 9 días"]),
        ("en", ["Shift report: Lima, T1", "45 %: above what is usual", "5 % to 26 %, from 9 days"]),
    ],
)
def test_page_and_paper_say_the_same(reader: Session, language: str, words: list[str]) -> None:
    figures = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
    page = render(figures, language, "html").decode()  # type: ignore[arg-type]
    paper = PdfReader(io.BytesIO(render(figures, language, "pdf")))  # type: ignore[arg-type]
    text = " ".join(" ".join(sheet.extract_text() for sheet in paper.pages).split())

    for word in [*words, *(TEXTS[language][f"method_{n}"].format(k=5) for n in range(1, 5))]:  # type: ignore[index]
        assert word in page.replace("&#34;", '"')
        assert word in text
    assert page.count("<svg role=") == 3
    assert len(re.findall(r'id="([\w-]+)"', page)) == len(set(re.findall(r'id="([\w-]+)"', page)))
    assert f'<html lang="{language}">' in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', page), "it needs nothing from elsewhere"


def test_a_plant_of_many_areas_fits_its_pages(database: Database, reader: Session) -> None:
    write_places(database, 70, 1)
    write_cells(database, [GivenCell(area, 1, DAY, 6, tired=0.1 + area / 200) for area in range(1, 71)])

    figures = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
    paper = PdfReader(io.BytesIO(render(figures, "en", "pdf")))

    text = " ".join(sheet.extract_text() for sheet in paper.pages)
    assert all(text.count(f"Área {area}\n") == 2 for area in range(1, 71)), "in a plot and in the table"
    assert [caption[-6:] for caption, _ in lay_out(figures, "en").plots[:3]] == [" (1/3)", " (2/3)", " (3/3)"]


@pytest.mark.usefixtures("month")
def test_a_week_is_summed_over_its_published_days(reader: Session) -> None:
    figures = week_figures(reader, site_id=1, monday=MONDAY)
    sheet = lay_out(figures, "en")

    assert sheet.title == "Weekly site report: Lima"
    assert sheet.header[:4] == ("Area", "Shift", "Days published", "Observed hours")
    days = len({cell.shift_date for cell in figures.cells})
    assert [row[:3] for row in sheet.rows] == [("Área 1", "T1", str(days)), ("Área 2", "T1", str(days))]
    assert all(MONDAY <= cell.shift_date <= MONDAY + timedelta(days=6) for cell in figures.cells)


def test_both_languages_are_complete() -> None:
    def fields_of(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text)}

    assert TEXTS["es"].keys() == TEXTS["en"].keys()
    for key, said in TEXTS["es"].items():
        assert fields_of(said) == fields_of(TEXTS["en"][key]), key
        assert said.strip()


def test_without_a_publishable_cell_the_report_says_so(database: Database) -> None:
    write_places(database, 1, 1)
    write_cells(database, [GivenCell(1, 1, DAY, 4, tired=0.77)])
    with transaction(database.engine("control")) as reader:
        figures = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
        page = render(figures, "en", "html").decode()
        render(figures, "es", "pdf")

    assert "No cell of this period can be published" in page
    assert "not enough data" in page
    assert "1 of 1 at the site" in page
    assert "77" not in page


def test_thin_observation_reads_not_enough_data(database: Database) -> None:
    write_places(database, 1, 1)
    write_cells(database, [GivenCell(1, 1, DAY, 8, observed_of_scheduled=0.1)])
    with transaction(database.engine("control")) as reader:
        sheet = lay_out(shift_figures(reader, site_id=1, shift_id=1, day=DAY), "en")

    assert sheet.rows == (("Área 1", "8", "8", "10 %", *["not enough data"] * 3),)


def test_a_site_without_stress_has_none_in_its_report(database: Database) -> None:
    write_places(database, 1, 1, profile="fatigue_only")
    write_cells(database, [GivenCell(1, 1, DAY, 8)])
    with transaction(database.engine("control")) as reader:
        page = render(shift_figures(reader, site_id=1, shift_id=1, day=DAY), "en", "html").decode().lower()

    assert "stress" not in page


def test_what_is_not_there_is_refused(database: Database) -> None:
    write_places(database, 1, 1, profile="off")
    with transaction(database.engine("control")) as reader:
        with pytest.raises(NotFoundError):
            shift_figures(reader, site_id=1, shift_id=1, day=DAY)
        with pytest.raises(NotFoundError):
            week_figures(reader, site_id=9, monday=MONDAY)


@pytest.mark.parametrize("week", ["2026-47", "2026-W54", "2026-W00", "W47", ""])
def test_a_week_is_an_iso_week(week: str) -> None:
    with pytest.raises(InvalidError):
        monday_of(week)


def test_the_week_begins_on_monday() -> None:
    assert monday_of("2026-W47") == date(2026, 11, 16)


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Database:
    """One database for all examples of a property."""
    from support.database import TEMPLATE, Cluster, create_database, drop_database

    cluster: Cluster = request.getfixturevalue("cluster")
    made = create_database(cluster, "reports_shared", TEMPLATE)
    request.addfinalizer(lambda: drop_database(cluster, made))
    return made


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_nothing_of_a_withheld_cell_is_anywhere(shared: Database, data: st.DataObject) -> None:
    areas, shifts, days = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    write_places(shared, areas, shifts)
    sizes = st.integers(0, 9)
    write_cells(shared, [
        GivenCell(area, shift, MONDAY + timedelta(days=day), people)
        for area in range(1, areas + 1) for shift in range(1, shifts + 1) for day in range(days)
        if (people := data.draw(sizes))
    ])  # fmt: skip
    shown = published(shared)
    with psycopg.connect(shared.url("owner"), autocommit=True) as connection:
        # what is withheld would give itself away by these numbers
        connection.execute(
            "UPDATE rollup_areas r SET fatigue_ms = observed_ms * 77 / 100, stress_ms = observed_ms * 83 / 100, "
            "scheduled_ms = observed_ms * 100 / 61 WHERE (area_id, shift_id, shift_date) NOT IN "
            "(SELECT area_id, shift_id, shift_date FROM hr.group_shifts)"
        )

    with transaction(shared.engine("control")) as reader:
        cells, _ = period_cells(reader, site_id=1, first_date=MONDAY, last_date=MONDAY + timedelta(days=6))
        table = cells_csv(cells, with_moods=True)
        reports = [week_figures(reader, site_id=1, monday=MONDAY)]
        reports += [shift_figures(reader, site_id=1, shift_id=shift, day=MONDAY) for shift in range(1, shifts + 1)]
        pages = [render(report, "en", "html").decode() for report in reports]

    assert {(cell.area, cell.shift, cell.shift_date) for cell in cells} == shown
    assert all(cell.people >= 5 for cell in cells)
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {(row["area"], row["shift"], row["shift_date"]) for row in rows} == {
        (area, shift, day.isoformat()) for area, shift, day in shown
    }
    for page in [*pages, table]:
        text = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
        assert not re.search(r"\b(77|83|61) %|0\.(77|83|61)\b", text)


def test_a_name_is_no_formula_in_a_spreadsheet(database: Database) -> None:
    write_places(database, 1, 1)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE areas SET name = '=1+1'")
    write_cells(database, [GivenCell(1, 1, DAY, 8)])
    with transaction(database.engine("control")) as reader:
        cells, _ = period_cells(reader, site_id=1, first_date=DAY, last_date=DAY)
        page = render(shift_figures(reader, site_id=1, shift_id=1, day=DAY), "en", "html")

    assert "\n'=1+1,T1," in cells_csv(cells, with_moods=False)
    assert b"=1+1" in page


def test_a_name_is_no_markup(database: Database) -> None:
    write_places(database, 1, 1)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE areas SET name = '<script>&'")
    write_cells(database, [GivenCell(1, 1, DAY, 8)])
    with transaction(database.engine("control")) as reader:
        figures = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
        page = render(figures, "en", "html")
        paper = PdfReader(io.BytesIO(render(figures, "en", "pdf")))

    assert b"<script" not in page
    assert "<script>&" in paper.pages[0].extract_text()


@pytest.mark.usefixtures("month")
def test_a_report_is_due_until_it_is_made_and_again_when_more_is_published(database: Database) -> None:
    engine = database.engine("worker")
    with transaction(engine) as session:
        weeks = [due for due in reports_due(session) if due.kind == "week" and due.first_date == MONDAY]
        (due,) = weeks
        kept = [each.id for each in make_report(session, due)]
    with transaction(engine) as session:
        assert due not in reports_due(session)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE published_days SET published_at = now() + interval '1 s'")
    with transaction(engine) as session:
        assert due in reports_due(session)
        again = make_report(session, due)
        assert [each.id for each in again] == kept, "in the place of the old one"
        assert {each.format for each in again} == {"html", "pdf"}
        assert again[1].content.startswith(b"%PDF")


@pytest.mark.usefixtures("month")
def test_a_report_made_while_a_day_is_being_published_is_made_again(database: Database) -> None:
    engine = database.engine("worker")
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("DELETE FROM published_days WHERE shift_date = %s", [DAY])
    with transaction(engine) as publishing:
        publishing.execute(text("SELECT now()"))  # its transaction is older than the report's
        with transaction(engine) as session:
            (due,) = [due for due in reports_due(session) if due.kind == "week" and due.first_date == MONDAY]
            make_report(session, due)
        assert publish_day(publishing, (1, DAY), k=K, quiet=AT_ONCE) is not None
        with (
            pytest.raises(OperationalError, match="lock timeout"),
            transaction(engine) as session,
        ):
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            make_report(session, due)
    with transaction(engine) as session:
        assert due in reports_due(session)
