"""A person's own page, by the key in the address and without a token: what is kept, who looked, consent, objection.

Looking changes nothing but the audit, since programs look at links by themselves; a button does. Unknown, expired and
revoked links get the same answer.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import TypeAdapter, ValidationError

from stressvision_control.dependencies import SessionDep
from stressvision_control.errors import PageError
from stressvision_control.fields import Words
from stressvision_control.limits import Allowances
from stressvision_control.my_data.pages import Act, confirm_page, message_page, own_page
from stressvision_control.my_data.style import HEADERS
from stressvision_control.my_data.words import WORDS
from stressvision_control.privacy.pages import export_page
from stressvision_control.security import FailedAttempts
from stressvision_store import access_export, audit, consents, objections, own_data, personal_links
from stressvision_store.languages import Language
from stressvision_store.objections import EMPLOYEE
from stressvision_store.personal_tables import PersonalLink
from stressvision_store.refusals import ConflictError

router = APIRouter(prefix="/my-data/{key}", tags=["my data"], include_in_schema=False)

Done = Literal["done_object", "done_withdraw", "done_take_back", "was_so"]
_WORDS: Final[TypeAdapter[str]] = TypeAdapter(Words)


def page_allowances() -> tuple[Allowances, Allowances]:
    """How often one link may be visited, and how often all of the data fetched, which takes seconds."""
    return Allowances(rate=0.5, burst=40), Allowances(rate=1 / 60, burst=6)


@dataclass(frozen=True, slots=True)
class Visit:
    """One who came with a link that is good."""

    request: Request
    session: SessionDep
    link: PersonalLink
    key: str
    language: Language

    @property
    def employee_id(self) -> int:
        return self.link.employee_id

    def note(self, action: str) -> None:
        subject = f"employee {self.employee_id}"
        audit.append(self.session, actor=EMPLOYEE, action=action, subject=subject, link_id=self.link.id)
        self.session.flush()

    def show(self, page: str, status: int = 200) -> HTMLResponse:
        return HTMLResponse(page, status, headers=HEADERS)

    def go_back(self, done: Done) -> RedirectResponse:
        """To the page, so that loading it again repeats nothing."""
        return RedirectResponse(f"../{self.key}?lang={self.language}&done={done}", 303, headers=HEADERS)


def open_visit(
    request: Request,
    session: SessionDep,
    key: Annotated[str, Path(max_length=100)],
    lang: Annotated[Language, Query()] = "es",
) -> Visit:
    link = personal_links.find_link(session, key)
    if link is None:
        failures: FailedAttempts = request.app.state.failed_attempts
        wait_s: float = failures.record(request.client.host if request.client else "")
        if wait_s:
            raise _too_fast(wait_s, lang)
        words = WORDS[lang]
        raise PageError(404, message_page(words["gone_title"], words["gone"], lang), headers=HEADERS)
    _spend(request.app.state.page_visits, link, lang)
    return Visit(request, session, link, key, lang)


VisitDep = Annotated[Visit, Depends(open_visit)]


def _spend(allowances: Allowances, link: PersonalLink, language: Language) -> None:
    wait_s = allowances.spend(str(link.id).encode())
    if wait_s:
        raise _too_fast(wait_s, language)


def _too_fast(wait_s: float, language: Language) -> PageError:
    words, seconds = WORDS[language], ceil(wait_s)
    page = message_page(words["slow_title"], words["slow"].format(seconds=seconds), language)
    return PageError(429, page, headers={**HEADERS, "Retry-After": str(seconds)})


@router.get("")
def show_own_page(visit: VisitDep, done: Annotated[Done | None, Query()] = None) -> HTMLResponse:
    visit.note("my_data.visit")
    data = own_data.own_data(visit.session, visit.employee_id, language=visit.language)
    return visit.show(own_page(data, visit.link, visit.key, visit.language, done=done))


@router.get("/data.json")
def download_data(visit: VisitDep) -> Response:
    found = json.dumps(_export(visit), ensure_ascii=False, indent=1)
    return _file(found, "application/json", "data.json")


@router.get("/data.html")
def download_page(visit: VisitDep) -> Response:
    found = export_page(_export(visit), visit.language)
    return _file(found, "text/html; charset=utf-8", f"data.{visit.language}.html")


def _export(visit: Visit) -> dict[str, Any]:
    _spend(visit.request.app.state.page_exports, visit.link, visit.language)
    visit.note("my_data.export")
    return access_export.collect(visit.session, visit.employee_id)


def _file(content: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Robots-Tag": HEADERS["X-Robots-Tag"]}
    return Response(content, media_type=media_type, headers=headers)


@router.get("/object")
def ask_objection(visit: VisitDep) -> HTMLResponse:
    return _ask(visit, "object")


@router.get("/withdraw")
def ask_withdrawal(visit: VisitDep) -> HTMLResponse:
    return _ask(visit, "withdraw")


@router.get("/take-back")
def ask_taking_back(visit: VisitDep) -> HTMLResponse:
    return _ask(visit, "take_back")


def _ask(visit: Visit, act: Act) -> HTMLResponse:
    return visit.show(confirm_page(act, visit.key, visit.language))


@router.post("/object")
def raise_objection(visit: VisitDep, words: Annotated[str, Form(max_length=20_000)] = "") -> Response:
    words = words.replace("\r\n", "\n")  # a form sends two letters where its limit counts one
    try:
        said = _WORDS.validate_python(words)
    except ValidationError:
        return visit.show(confirm_page("object", visit.key, visit.language, refused=words), 422)
    try:
        objections.raise_objection(visit.session, visit.employee_id, words=said, actor=EMPLOYEE)
    except ConflictError:  # there is one, perhaps by a button that was pressed twice
        return visit.go_back("was_so")
    return visit.go_back("done_object")


@router.post("/take-back")
def take_objection_back(visit: VisitDep) -> Response:
    row = objections.open_objection(visit.session, visit.employee_id)
    if row is None:
        return visit.go_back("was_so")
    try:
        objections.take_back(visit.session, row.id or 0, actor=EMPLOYEE)
    except ConflictError:
        return visit.go_back("was_so")
    return visit.go_back("done_take_back")


@router.post("/withdraw")
def withdraw(visit: VisitDep) -> Response:
    """Every consent: one alone would leave the others active."""
    now = datetime.now(UTC)
    rows = consents.withdraw_active(visit.session, visit.employee_id, withdrawn_at=now, by=EMPLOYEE)
    for row in rows:
        audit.append(
            visit.session,
            actor=EMPLOYEE,
            action="consent.withdraw",
            subject=f"employee {visit.employee_id}",
            consent_id=row.id,
            withdrawn_at=now.isoformat(),
        )
    return visit.go_back("done_withdraw" if rows else "was_so")
