"""What a site's profile lets its reports and exports say: moods under `full` alone, and nothing once it is narrowed."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pypdf import PdfReader

from stressvision_store.refusals import NotFoundError
from stressvision_store.reports import kept
from stressvision_store.reports.figures import period_cells, shift_figures, week_figures
from stressvision_store.reports.rendering import cells_csv, render
from stressvision_store.reports.texts import TEXTS
from stressvision_store.session import transaction
from support.database import Database
from support.report_cells import GivenCell, write_cells, write_places

pytestmark = pytest.mark.db

TODAY = datetime.now(UTC).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 7)
DAY = MONDAY + timedelta(days=2)
MOODS = ("sad", "happy", "triste", "alegr", "joy", "43 %", "0.43")
"""Words of it, and a share in the cell below."""


def plant(database: Database, profile: str) -> None:
    write_places(database, 1, 1, profile=profile)
    write_cells(database, [GivenCell(1, 1, DAY, 8, tired=0.1, stressed=0.2, sad=0.43, happy=0.21)])


def set_profile(database: Database, profile: str) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE sites SET profile = %s", [profile])


def said(database: Database) -> dict[str, str]:
    """Each report in each format and language, and the export."""
    texts = {}
    with transaction(database.engine("control")) as reader:
        cells, with_moods = period_cells(reader, site_id=1, first_date=DAY, last_date=DAY)
        texts["csv"] = cells_csv(cells, with_moods=with_moods)
        shift = shift_figures(reader, site_id=1, shift_id=1, day=DAY)
        for name, figures in (("shift", shift), ("week", week_figures(reader, site_id=1, monday=MONDAY))):
            for language in TEXTS:
                texts[f"{name} {language} html"] = re.sub("<[^>]*>", " ", render(figures, language, "html").decode())
                paper = PdfReader(io.BytesIO(render(figures, language, "pdf")))
                texts[f"{name} {language} pdf"] = " ".join(page.extract_text() for page in paper.pages)
    return texts


@pytest.mark.parametrize("profile", ["safety", "fatigue_only"])
def test_no_report_and_no_export_speaks_of_moods(database: Database, profile: str) -> None:
    plant(database, profile)

    for name, text in said(database).items():
        assert [word for word in MOODS if word in text.lower()] == [], name
    assert len(said(database)) == 9


def test_under_full_the_figures_of_groups_have_the_mix(database: Database) -> None:
    plant(database, "full")
    texts = said(database)

    (row,) = csv.DictReader(io.StringIO(texts["csv"]))
    assert (row["sad_share"], row["happy_share"], row["k"]) == ("0.43", "0.21", "5")
    for name, text in texts.items():
        if name != "csv":
            words = TEXTS["es" if " es " in name else "en"]
            assert {"43 %", "21 %"} <= {f"{word} %" for word in text.split() if word.isdigit()}, name
            assert words["sad_short"].split()[1] in text, name
            assert "".join(words["method_moods"].split())[:60] in "".join(text.split()), name


def test_a_site_narrowed_since_shows_no_figure_of_before(database: Database) -> None:
    plant(database, "full")
    set_profile(database, "safety")
    (row,) = csv.DictReader(io.StringIO(said(database)["csv"]))
    assert "sad_share" not in row
    set_profile(database, "full")
    with psycopg.connect(database.url("owner")) as connection:
        shown = connection.execute("SELECT sad_share FROM hr.group_shifts").fetchone()
    assert shown is not None, "published once"


def make(database: Database) -> list[Any]:
    with transaction(database.engine("worker")) as session:
        due = kept.Due(kind="shift", site_id=1, shift_id=1, first_date=DAY, language="en")
        return [each.id for each in kept.make_report(session, due)]


@pytest.mark.parametrize(("before", "after"), [("full", "safety"), ("safety", "fatigue_only"), ("safety", "off")])
def test_a_kept_report_says_no_more_than_the_profile_of_now(database: Database, before: str, after: str) -> None:
    plant(database, before)
    ids = make(database)
    control, worker = database.engine("control"), database.engine("worker")
    with transaction(control) as session:
        assert len(kept.list_reports(session, site_id=1, kind=None, after=None, limit=9)) == 2
        assert kept.load_report(session, ids[0]).content

    set_profile(database, after)

    with transaction(control) as session:
        assert kept.list_reports(session, site_id=1, kind=None, after=None, limit=9) == []
        with pytest.raises(NotFoundError):
            kept.load_report(session, ids[0])
    with transaction(worker) as session:
        assert kept.drop_narrowed(session) == 2


def test_a_wider_profile_takes_no_report_away(database: Database) -> None:
    plant(database, "safety")
    ids = make(database)
    set_profile(database, "full")
    with transaction(database.engine("control")) as session:
        assert kept.load_report(session, ids[0]).content
    with transaction(database.engine("worker")) as session:
        assert kept.drop_narrowed(session) == 0
