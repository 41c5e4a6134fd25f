"""The page that a message leads to: whoever was told answers there, by the key in the address and without a token.

Looking changes nothing, because mail programs look at links by themselves; a button does.
"""

from html import escape
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse

from stressvision_control.dependencies import SessionDep
from stressvision_control.errors import PageError
from stressvision_control.security import FailedAttempts
from stressvision_store import alerts, audit
from stressvision_store.alerts import AlertPlace
from stressvision_store.alerts_raising import settings_of
from stressvision_store.refusals import ConflictError, NotFoundError
from stressvision_store.workforce_tables import Site

router = APIRouter(prefix="/alerts", tags=["alerts"], include_in_schema=False)

Key = Annotated[str, Path(min_length=10, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Answer = Literal["acknowledge", "true", "false", "break_taken", "unknown"]

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}

TEXTS = {
    "es": {
        "title": "Signos sostenidos de cansancio",
        "since": "Desde las {since}, rostro visible el {coverage} % de ese tiempo. No es un diagnóstico.",
        "acknowledge": "Recibido: voy al puesto",
        "true": "Era cierto",
        "break_taken": "Era cierto, tomó una pausa",
        "false": "No era cierto",
        "unknown": "No se sabe",
        "acknowledged": "Alguien ya lo atiende. ¿Qué resultó?",
        "closed": "Este aviso está cerrado. Gracias.",
        "gone": "Este enlace no lleva a ningún aviso: no está completo, o el aviso ya se borró.",
        "slow": "Demasiados intentos. Vuelva a intentarlo en un minuto.",
        "ask": "Acérquese al puesto, pregunte cómo está la persona y ofrézcale una pausa.",
    },
    "en": {
        "title": "Sustained signs of tiredness",
        "since": "Since {since}, a face was visible for {coverage} % of that time. This is no diagnosis.",
        "acknowledge": "Received: I am going there",
        "true": "It was right",
        "break_taken": "It was right, they took a break",
        "false": "It was wrong",
        "unknown": "Not known",
        "acknowledged": "Somebody sees to it. What came of it?",
        "closed": "This alert is closed. Thank you.",
        "gone": "This link leads to no alert: it is not complete, or the alert has been deleted.",
        "slow": "Too many attempts. Try again in a minute.",
        "ask": "Go to the station, ask how the person is, and offer a break.",
    },
}


@router.get("/{key}", response_class=HTMLResponse)
def show_answer_page(request: Request, session: SessionDep, key: Key) -> HTMLResponse:
    return _page(session, _find(request, session, key))


@router.post("/{key}", response_class=HTMLResponse)
def answer_alert(request: Request, session: SessionDep, key: Key, answer: Annotated[Answer, Form()]) -> HTMLResponse:
    place = _find(request, session, key)
    alert_id = place.alert.id or 0
    actor = f"link of alert {alert_id}"
    try:
        if answer == "acknowledge":
            changed = alerts.acknowledge(session, alert_id, actor=actor)
        else:
            changed = alerts.close(session, alert_id, outcome=answer, actor=actor)
    except ConflictError:
        changed = False  # somebody was faster; the page says how it stands
    if changed:
        audit.append(session, actor=actor, action="alert.answer", subject=f"alert {alert_id}", answer=answer)
        session.flush()
    return _page(session, place)


def _find(request: Request, session: SessionDep, key: str) -> AlertPlace:
    try:
        place = alerts.find_by_key(session, key)
    except NotFoundError:
        failures: FailedAttempts = request.app.state.failed_attempts
        wait_s = failures.record(request.client.host if request.client else "")
        headers = HEADERS | ({"Retry-After": str(wait_s)} if wait_s else {})
        raise PageError(429 if wait_s else 404, _unknown("slow" if wait_s else "gone"), headers=headers) from None
    if place.alert.state == "suppressed":
        raise PageError(404, _unknown("gone"), headers=HEADERS)
    return place


def _unknown(what: Literal["gone", "slow"]) -> str:
    """In both languages: of an unknown link nobody knows the site."""
    said = "".join(f'<p lang="{language}">{escape(words[what])}</p>' for language, words in TEXTS.items())
    return _html("es", TEXTS["es"]["title"], said)


def _page(session: SessionDep, place: AlertPlace) -> HTMLResponse:
    alert = place.alert
    language = settings_of(session, alert.site_id).language
    words = TEXTS[language]
    site = session.get(Site, alert.site_id)
    since = alert.started_at.astimezone(ZoneInfo(site.time_zone if site is not None else "UTC"))
    facts = words["since"].format(since=f"{since:%H:%M}", coverage=round(alert.coverage_ppm / 10_000))
    where = " · ".join(escape(name) for name in (place.site, place.area, place.station) if name)
    head, choices = {
        "acknowledged": (words["acknowledged"], ("true", "break_taken", "false", "unknown")),
        "closed": (words["closed"], ()),
    }.get(alert.state, (words["ask"], ("acknowledge", "true", "break_taken", "false")))
    buttons = "".join(f'<button name="answer" value="{each}">{escape(words[each])}</button>' for each in choices)
    body = (
        f"<p><strong>{where}</strong></p><p>{escape(facts)}</p>"
        f'<p>{escape(head)}</p><form method="post">{buttons}</form>'
    )
    return HTMLResponse(_html(language, words["title"], body), headers=HEADERS)


def _html(language: str, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        "<style>body{font:1.1em/1.5 sans-serif;max-width:34em;margin:2em auto;padding:0 1em}"
        "button{display:block;width:100%;font:inherit;padding:.8em;margin:.6em 0}</style>"
        f"<h1>{escape(title)}</h1>{body}"
    )
