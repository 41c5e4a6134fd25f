"""Reports over HTTP and from a terminal."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from stressvision_control.cli.app import app
from stressvision_store.reports.kept import Due, make_report
from stressvision_store.session import transaction
from support.control import Control
from support.report_cells import GivenCell, write_cells, write_places

pytestmark = pytest.mark.db

DAY = datetime.now(UTC).date() - timedelta(days=7)
YEAR, WEEK, _ = DAY.isocalendar()
SHIFT = {"site_id": "1", "shift_id": "1", "date": DAY.isoformat()}


@pytest.fixture
def filled(control: Control) -> Control:
    """Of areas 1 and 2 the first is too small, so that the second goes with it; area 3 is published."""
    write_places(control.database, 3, 1)
    write_cells(control.database, [GivenCell(1, 1, DAY, 4), GivenCell(2, 1, DAY, 6), GivenCell(3, 1, DAY, 9)])
    return control


def test_hr_gets_groups_alone(filled: Control) -> None:
    page = filled.as_role("hr").get("/v1/reports/shift", params=SHIFT | {"language": "en"})

    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Área 3" in page.text
    assert "Área 1" not in page.text
    assert "Área 2" not in page.text
    assert "2 of 3 at the site" in page.text


def test_the_week_on_paper(filled: Control) -> None:
    wanted = {"site_id": "1", "week": f"{YEAR}-W{WEEK:02}", "format": "pdf"}
    paper = filled.as_role("safety").get("/v1/reports/week", params=wanted)

    assert "Informe semanal de sede: Lima" in PdfReader(io.BytesIO(paper.content)).pages[0].extract_text()


def test_the_cells_as_csv(filled: Control) -> None:
    days = {"site_id": "1", "first_date": DAY.isoformat(), "last_date": DAY.isoformat()}
    (row,) = csv.DictReader(io.StringIO(filled.as_role("hr").get("/v1/reports/cells", params=days).text))

    assert (row["area"], row["people"], row["fatigue_share"]) == ("Área 3", "9", "0.1")


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/v1/reports/shift", SHIFT | {"site_id": "9"}, 404),
        ("/v1/reports/shift", SHIFT | {"shift_id": "9"}, 404),
        ("/v1/reports/shift", SHIFT | {"language": "fr"}, 422),
        ("/v1/reports/week", {"site_id": "1", "week": "2026-W60"}, 422),
        ("/v1/reports/cells", {"site_id": "1", "first_date": "2026-11-02", "last_date": "2026-11-01"}, 422),
        ("/v1/reports/77", {}, 404),
    ],
)
def test_what_cannot_be_is_refused(filled: Control, path: str, params: dict[str, str], status: int) -> None:
    assert filled.as_role("hr").get(path, params=params).status_code == status


@pytest.mark.parametrize("role", ["operator", "ml", "privacy", None])
def test_reports_are_for_hr_and_safety(filled: Control, role: str | None) -> None:
    for path in ("/v1/reports", "/v1/reports/shift", "/v1/reports/week", "/v1/reports/cells", "/v1/reports/1"):
        assert filled.as_role(role).get(path, params=SHIFT).status_code in ({401} if role is None else {403, 422})


def run(control: Control, *words: str) -> str:
    variables = {"STRESSVISION_CONTROL_URL": control.url, "STRESSVISION_TOKEN": control.token("hr")}
    result = CliRunner().invoke(app, ["report", *words], env=variables)
    assert result.exit_code == 0, result.output
    return result.output


def test_from_a_terminal(filled: Control, tmp_path: Path) -> None:
    paper, page, kept = tmp_path / "shift.pdf", tmp_path / "week.html", tmp_path / "kept.pdf"
    with transaction(filled.database.engine("worker")) as session:
        made = make_report(session, Due(kind="shift", site_id=1, shift_id=1, first_date=DAY, language="es"))
        pdf = next(each.id for each in made if each.format == "pdf")

    run(filled, "shift", "Lima", "T1", DAY.isoformat(), "--lang", "en", "--out", str(paper))
    run(filled, "week", "1", f"{YEAR}-W{WEEK:02}", "--out", str(page))
    run(filled, "fetch", str(pdf), str(kept))
    listed = json.loads(run(filled, "list", "--site", "Lima", "--json"))
    table = run(filled, "csv", "Lima", DAY.isoformat(), DAY.isoformat())

    assert "Shift report: Lima, T1" in PdfReader(paper).pages[0].extract_text()
    assert "Informe semanal de sede: Lima" in page.read_text()
    assert kept.read_bytes().startswith(b"%PDF")
    assert {(row["kind"], row["format"]) for row in listed} == {("shift", "html"), ("shift", "pdf")}
    assert table.count("\n") == 2


def test_a_file_of_another_kind_is_refused(filled: Control, tmp_path: Path) -> None:
    variables = {"STRESSVISION_CONTROL_URL": filled.url, "STRESSVISION_TOKEN": filled.token("hr")}
    words = ["report", "shift", "1", "1", DAY.isoformat(), "--out", str(tmp_path / "a.docx")]

    assert CliRunner().invoke(app, words, env=variables).exit_code == 2
