"""What was taken back since a backup, so that restoring it gives nothing of it out again.

Consents withdrawn, objections that wait, links and tokens revoked, profiles narrowed, days published. Numbers, times
and hashes: no name, and nobody's words. A consent given anew, or a profile widened by two people, is known by its own
time and stays.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session, col, select

from stressvision_contracts.labels import SiteProfile
from stressvision_store import audit, consents, objections, profiles, publication
from stressvision_store.personal_tables import Objection, PersonalLink
from stressvision_store.workforce_tables import ApiToken, Consent, Employee, Site

Revocations = dict[str, Any]
WORDS_LOST: Final = "(an objection from before a restore; its words are not kept here)"


def collect(session: Session) -> Revocations:
    """As JSON can carry it."""
    withdrawn = session.exec(select(Consent).where(col(Consent.withdrawn_at).is_not(None)).order_by(col(Consent.id)))
    waiting = session.exec(select(Objection).where(Objection.state == "open").order_by(col(Objection.id)))
    links = session.exec(select(PersonalLink.key_hash).where(col(PersonalLink.revoked_at).is_not(None)))
    tokens = session.exec(select(ApiToken.token_hash).where(col(ApiToken.revoked_at).is_not(None)))
    return {
        "made_at": datetime.now(UTC).isoformat(),
        "consents": [
            {
                "employee_id": row.employee_id,
                "notice_version": row.notice_version,
                "given_at": row.given_at.isoformat(),
                "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at is not None else None,
            }
            for row in withdrawn
        ],
        "objections": [{"employee_id": row.employee_id, "raised_at": row.raised_at.isoformat()} for row in waiting],
        "links": sorted(key.hex() for key in links),
        "tokens": sorted(key.hex() for key in tokens),
        "profiles": {str(row.id): row.profile for row in session.exec(select(Site).order_by(col(Site.id)))},
        "published": publication.published_dates(session),
    }


def do_again(session: Session, found: Revocations, *, actor: str, with_profiles: bool = True) -> int:
    """Take back here what was taken back there, and end every look; return how many things that were.

    `with_profiles`: what was collected is the newest there is, so that a site has no business being wider.
    """
    done = sum(_withdraw(session, line, actor) for line in found.get("consents", []))
    done += sum(_object(session, line, actor) for line in found.get("objections", []))
    for table, column, hashes in (
        ("personal_links", "key_hash", found.get("links", [])),
        ("api_tokens", "token_hash", found.get("tokens", [])),
    ):
        by = ", revoked_by = :actor" if table == "personal_links" else ""
        statement = f"UPDATE {table} SET revoked_at = now(){by} WHERE {column} = ANY(:hashes) AND revoked_at IS NULL"  # noqa: S608
        keys = {"hashes": [bytes.fromhex(each) for each in hashes]} | ({"actor": actor} if by else {})
        done += int(session.execute(text(statement), keys).rowcount)  # type: ignore[attr-defined]
    if with_profiles:
        done += sum(_narrow(session, int(site), profile, actor) for site, profile in found.get("profiles", {}).items())
    # figures that were out are not made again, of other events
    done += publication.keep_unpublished(session, found.get("published", {}))
    ended = text("UPDATE looks SET ended_at = now(), ended_by = :actor WHERE ended_at IS NULL AND until > now()")
    return done + int(session.execute(ended, {"actor": actor}).rowcount)  # type: ignore[attr-defined]


def _withdraw(session: Session, line: dict[str, Any], actor: str) -> bool:
    statement = select(Consent).where(
        Consent.employee_id == line["employee_id"],
        Consent.notice_version == line["notice_version"],
        Consent.given_at == datetime.fromisoformat(line["given_at"]),
        col(Consent.withdrawn_at).is_(None),
    )
    rows = session.exec(statement).all()
    for row in rows:
        at = datetime.fromisoformat(line["withdrawn_at"])
        consents.withdraw_consent(session, row.id or 0, withdrawn_at=at, by=actor)
        audit.append(
            session, actor=actor, action="consent.withdraw", subject=f"employee {row.employee_id}", consent_id=row.id,
            withdrawn_at=line["withdrawn_at"],
        )  # fmt: skip
    return bool(rows)


def _object(session: Session, line: dict[str, Any], actor: str) -> bool:
    employee, at = session.get(Employee, line["employee_id"]), datetime.fromisoformat(line["raised_at"])
    if employee is None or objections.open_objection(session, employee.id or 0) is not None:
        return False
    same = select(Objection.id).where(Objection.employee_id == employee.id, Objection.raised_at == at)
    if session.exec(same).first() is not None:
        return False
    objections.raise_objection(session, employee.id or 0, words=WORDS_LOST, actor=actor, at=at)
    return True


def _narrow(session: Session, site_id: int, profile: SiteProfile, actor: str) -> bool:
    site = session.get(Site, site_id)
    if site is None or not profiles.is_wider(site.profile, profile):
        return False
    profiles.change_profile(session, site_id, profile, actor=actor, reason="narrowed before a restore")
    subject = f"site {site_id}"
    audit.append(session, actor=actor, action="site.profile", subject=subject, profile=profile)
    return True
