"""What travels about privacy: what is kept of a person, erasures, notices, and how long things are kept."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from stressvision_control.fields import Body, Id, Name, Reason, View
from stressvision_store.languages import Language
from stressvision_store.privacy_tables import Erasure

NoticeText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=100, max_length=50_000)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ExportRequest(Body):
    """`reason`: who asked, by pseudonym, and how; it is kept."""

    employee_id: Id
    reason: Reason


class ErasureRequest(Body):
    """`confirm`: the pseudonym of that employee, so that no wrong number erases anybody."""

    employee_id: Id
    confirm: Name
    reason: Reason


class Receipt(View):
    """What an erasure took, by table, and where it stands in the audit's chain.

    `late_events`: what came later about the erased time and was deleted.
    """

    id: int
    employee_id: int
    site_id: int
    erased_at: datetime
    erased_by: str
    reason: str
    counts: dict[str, int]
    late_events: int
    audit_place: int
    audit_hash: str


class NewNotice(Body):
    """The same notice in both languages."""

    version: Version
    es: NoticeText
    en: NoticeText


class NoticeSummary(View):
    """`digest`: SHA-256 of the text."""

    version: str
    language: Language
    digest: str
    published_by: str
    published_at: datetime


class NoticeView(NoticeSummary):
    text: str


class KeptView(View):
    """`kept_days` is null where no rule of age applies; `until` says when such rows go. `beyond`: rows too old."""

    table: str
    purpose: str
    kept_days: int | None
    until: str
    rows: int
    oldest: datetime | None
    beyond: int | None
    applied_at: datetime | None


def receipt_of(row: Erasure) -> Receipt:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Receipt.model_fields}
    return Receipt(**{**fields, "audit_hash": row.audit_hash.hex()})
