"""Reports on schedule, made by the worker's role."""

import io
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pypdf import PdfReader

from stressvision_worker.reports import make_due_reports
from support.database import Database
from support.publication import forget
from support.report_cells import GivenCell, write_cells, write_places

pytestmark = pytest.mark.db

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def kept(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url("owner")) as connection:
        return connection.execute(
            "SELECT kind, shift_id, language, format, content FROM reports "
            "WHERE kind = 'shift' ORDER BY shift_id, format"
        ).fetchall()


def test_a_shift_that_is_over_gets_its_report_in_the_sites_language(database: Database) -> None:
    write_places(database, 2, 2)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("INSERT INTO alert_settings (site_id, language) VALUES (1, 'en')")
    write_cells(database, [GivenCell(area, 1, YESTERDAY, 7) for area in (1, 2)])

    assert make_due_reports(database.engine("worker")) >= 1
    assert make_due_reports(database.engine("worker")) == 0

    rows = kept(database)
    assert [row[:4] for row in rows] == [("shift", 1, "en", "html"), ("shift", 1, "en", "pdf")]
    paper = PdfReader(io.BytesIO(rows[1][4]))  # type: ignore[arg-type]
    assert "Shift report: Lima, T1" in paper.pages[0].extract_text()


def test_a_shift_whose_figures_are_not_published_waits(database: Database) -> None:
    write_places(database, 1, 1)
    write_cells(database, [GivenCell(1, 1, YESTERDAY, 7)])
    forget(database)

    make_due_reports(database.engine("worker"))

    assert kept(database) == []


def test_one_report_that_fails_stops_no_other(database: Database) -> None:
    write_places(database, 1, 2)
    write_cells(database, [GivenCell(1, shift, YESTERDAY, 7) for shift in (1, 2)])
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("ALTER TABLE reports ADD CONSTRAINT not_this CHECK (shift_id <> 1)")

    make_due_reports(database.engine("worker"))

    assert [row[1] for row in kept(database)] == [2, 2]
