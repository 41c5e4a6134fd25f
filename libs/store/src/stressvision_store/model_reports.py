"""What is to be read about a model before it is approved: its card, and what its evaluation wrote and drew."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from stressvision_store.model_tables import ModelReport, ModelVersion
from stressvision_store.paging import one
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError

CARD: Final = "README.md"
MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_REPORT_BYTES: Final = 8 << 20
MAX_REPORTS: Final = 64


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What is known of a report without its bytes."""

    name: str
    size_bytes: int
    kept_at: datetime


def media_type(name: str) -> str:
    """By the name's ending. Raise `InvalidError` for a name or an ending that reports do not have."""
    kind = MEDIA_TYPES.get(PurePosixPath(name).suffix)
    if kind is None or NAME.fullmatch(name) is None:
        raise InvalidError(
            f"{name!r} is no name of a report: letters, digits, dot, dash and underscore, ending in "
            f"{', '.join(MEDIA_TYPES)}",
            field="name",
        )
    return kind


def keep(session: Session, version: str, name: str, content: bytes) -> bool:
    """Keep a report of a registered model; False when the very same is here already.

    Raise `ConflictError` once the model has been judged: who approved it read what was there then.
    """
    media_type(name)
    row = one(session, ModelVersion, version, "model", lock=True)
    if len(content) > MAX_REPORT_BYTES:
        raise InvalidError(f"{name} has {len(content)} bytes; {MAX_REPORT_BYTES} at most", field="body")
    known = session.get(ModelReport, (version, name))
    if known is not None and bytes(known.content) == content:
        return False
    if row.state != "candidate":
        raise ConflictError(f"model {version!r} is {row.state}; its reports stand as they were judged")
    if known is None and _count(session, version) >= MAX_REPORTS:
        raise ConflictError(f"model {version!r} has {MAX_REPORTS} reports already, which is the most")
    report = known or ModelReport(version=version, name=name, content=b"", size_bytes=0)
    report.content, report.size_bytes = content, len(content)
    session.add(report)
    session.flush()
    return True


def load(session: Session, version: str, name: str) -> bytes:
    """Raise `NotFoundError`."""
    report = session.get(ModelReport, (version, name))
    if report is None:
        raise NotFoundError(f"model {version!r} has no report {name!r}")
    return bytes(report.content)


def list_reports(session: Session, version: str) -> Sequence[ReportFacts]:
    """In the order of their names. Raise `NotFoundError` when there is no such model."""
    one(session, ModelVersion, version, "model")
    columns = select(col(ModelReport.name), col(ModelReport.size_bytes), col(ModelReport.kept_at))
    rows = session.exec(columns.where(col(ModelReport.version) == version).order_by(col(ModelReport.name)))
    return [ReportFacts(*row) for row in rows]


def _count(session: Session, version: str) -> int:
    return session.exec(select(func.count()).where(col(ModelReport.version) == version)).one()
