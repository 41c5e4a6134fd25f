"""Reports about groups: kept ones, and made when asked for. They are read from the views for Human Resources alone."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Day, Id, PathId
from stressvision_control.reports.schemas import ReportView
from stressvision_control.security import Role, allow
from stressvision_store.alert_tables import KeptReport
from stressvision_store.languages import Language
from stressvision_store.reports.figures import monday_of, period_cells, shift_figures, week_figures

router = APIRouter(prefix="/v1/reports", tags=["reports"])

LanguageQuery = Annotated[Language, Query(description="Of the report")]
Format = Annotated[Literal["html", "pdf"], Query(alias="format", description="A page, or paper")]

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

DOCUMENT: dict[str, Any] = {
    "description": "The report",
    "content": {
        "text/html": {"schema": {"type": "string"}},
        "application/pdf": {"schema": {"type": "string", "format": "binary"}},
    },
}
TABLE: dict[str, Any] = {
    "description": "Cells that may be published",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}
READERS: tuple[Role, ...] = ("admin", "hr", "safety")


@router.get("", summary="List reports made on schedule, the newest first", **allow(*READERS))
def list_site_reports(
    session: SessionDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    kind: Annotated[Literal["shift", "week"] | None, Query()] = None,
) -> Page[ReportView]:
    from stressvision_store.reports.kept import list_reports

    rows = list_reports(session, site_id=site_id, kind=kind, after=page.after, limit=page.limit)
    return paged([_view(row) for row in rows], page.limit)


@router.get("/shift", summary="Make the report of one shift", **allow(*READERS, response=DOCUMENT))
def make_shift_report(
    session: SessionDep,
    site_id: Annotated[Id, Query()],
    shift_id: Annotated[Id, Query()],
    date: Annotated[Day, Query(description="On which the shift began")],
    language: LanguageQuery = "es",
    kind: Format = "html",
) -> Response:
    from stressvision_store.reports.rendering import render

    figures = shift_figures(session, site_id=site_id, shift_id=shift_id, day=date)
    return _document(render(figures, language, kind), kind)


@router.get("/week", summary="Make the weekly report of a site", **allow(*READERS, response=DOCUMENT))
def make_week_report(
    session: SessionDep,
    site_id: Annotated[Id, Query()],
    week: Annotated[str, Query(pattern=r"^20\d\d-W\d\d$", description="ISO week, as 2026-W47")],
    language: LanguageQuery = "es",
    kind: Format = "html",
) -> Response:
    from stressvision_store.reports.rendering import render

    figures = week_figures(session, site_id=site_id, monday=monday_of(week))
    return _document(render(figures, language, kind), kind)


@router.get("/cells", summary="Published cells of a site as CSV", **allow(*READERS, response=TABLE))
def export_cells(
    session: SessionDep,
    site_id: Annotated[Id, Query()],
    first_date: Annotated[Day, Query()],
    last_date: Annotated[Day, Query(description="Included; a year later at most")],
) -> Response:
    from stressvision_store.reports.rendering import cells_csv

    cells, with_moods = period_cells(session, site_id=site_id, first_date=first_date, last_date=last_date)
    return Response(
        cells_csv(cells, with_moods=with_moods),
        media_type="text/csv; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/{report_id}", summary="Show a report made on schedule", **allow(*READERS, response=DOCUMENT))
def show_site_report(session: SessionDep, report_id: PathId) -> Response:
    from stressvision_store.reports.kept import load_report

    kept = load_report(session, report_id)
    return _document(kept.content, "pdf" if kept.format == "pdf" else "html")


def _view(row: KeptReport) -> ReportView:
    known = {name: getattr(row, name) for name in ReportView.model_fields}
    return ReportView(**known | {"shift_id": row.shift_id or None})


def _document(content: bytes, kind: Literal["html", "pdf"]) -> Response:
    media = "application/pdf" if kind == "pdf" else "text/html; charset=utf-8"
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": PAGE_POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media, headers=headers)
