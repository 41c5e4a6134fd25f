"""Notices: what people are told before they consent, word for word, in Spanish and in English."""

import hashlib
from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from stressvision_store.languages import LANGUAGES, Language
from stressvision_store.privacy_tables import Notice
from stressvision_store.refusals import ConflictError, NotFoundError


def publish_notice(session: Session, version: str, texts: Mapping[Language, str], *, actor: str) -> Sequence[Notice]:
    """A new version, in both languages. The same texts again change nothing; others are another version."""
    known = _of(session, version)
    if known:
        if {row.language: row.text for row in known} != dict(texts):
            raise ConflictError(f"notice {version!r} has other words already; give these a version of their own")
        return known
    rows = [
        Notice(
            version=version, language=language, text=texts[language], published_by=actor,
            digest=hashlib.sha256(texts[language].encode()).hexdigest(),
        )
        for language in LANGUAGES
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    for row in rows:
        session.refresh(row)
    return rows


def get_notice(session: Session, version: str, language: Language) -> Notice:
    row = session.get(Notice, (version, language))
    if row is None:
        raise NotFoundError(f"no text of notice {version!r} in {language!r} is kept; publish it")
    return row


def list_notices(session: Session) -> Sequence[Notice]:
    """Newest first; there are few."""
    return session.exec(select(Notice).order_by(col(Notice.published_at).desc(), col(Notice.language).desc())).all()


def _of(session: Session, version: str) -> Sequence[Notice]:
    return session.exec(select(Notice).where(col(Notice.version) == version)).all()
