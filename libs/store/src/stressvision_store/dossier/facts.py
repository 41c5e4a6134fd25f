"""What the running system knows of itself: figures only, each with the query it came from, and nobody's name."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session, col, or_, select

from stressvision_store import alerts, audit_chain, retention_report
from stressvision_store.dossier import access
from stressvision_store.dossier.statements import STATEMENTS
from stressvision_store.model_tables import ModelReport, ModelVersion
from stressvision_store.tables import DeviceState

Facts = dict[str, Any]

LONGEST_CHAIN: Final = 200_000
"""Links of the audit that are made again on the spot; a longer one is for `stressvision audit verify`."""

EVALUATION: Final = "evaluation.json"
"""The report of a model in which the trainer writes its evaluation."""

_PAGE: Final = 10_000


def collect(session: Session, api: Mapping[str, Any]) -> Facts:
    """Everything the dossier says, as JSON can carry it. `api`: the control API's own OpenAPI document."""
    facts: Facts = {name: _rows(session, statement) for name, statement in STATEMENTS.items()}
    facts |= {
        "made_at": datetime.now(UTC).isoformat(),
        "rules": [_plain(asdict(rule)) for rule in alerts.rules(session)],
        "retention": [_plain(asdict(line)) for line in retention_report.report(session)],
        "audit_chain": _chain(session),
        "manifests": (manifests := _manifests(session)),
        "mistakes": {version: _mistakes(session, version, manifest) for version, manifest in manifests.items()},
        "grants": access.grants(session),
        "views": access.views(session),
        "routes": access.routes(api),
    }
    return facts | {"sources": _sources(facts)}


def _rows(session: Session, statement: str) -> list[dict[str, Any]]:
    return [_plain(dict(row._mapping)) for row in session.execute(text(statement))]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _word(value) for name, value in row.items()}


def _word(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _chain(session: Session) -> dict[str, Any]:
    """`state`: whole, broken (at `place`), or unchecked where it is too long for the spot."""
    head = audit_chain.read_head(session)
    links = head.place - head.dropped_place
    known: dict[str, Any] = {"links": links, "place": head.place, "hash": head.hash.hex(), "broken_at": None}
    if links > LONGEST_CHAIN:
        return known | {"state": "unchecked"}
    walk = audit_chain.Walk(head)
    try:
        while walk.place < head.place:
            page = audit_chain.read_links(session, after=walk.place, limit=_PAGE)
            if not page:
                break
            walk.take(page)
        walk.finish()
    except audit_chain.BrokenChainError as error:
        return known | {"state": "broken", "broken_at": error.place}
    return known | {"state": "whole"}


def _manifests(session: Session) -> dict[str, Any]:
    """Of the models that devices should run or say they run."""
    running = select(DeviceState.model_version).where(col(DeviceState.model_version).is_not(None))
    wanted = select(ModelVersion).where(or_(col(ModelVersion.desired), col(ModelVersion.version).in_(running)))
    return {row.version: row.manifest for row in session.exec(wanted.order_by(col(ModelVersion.version)))}


def _mistakes(session: Session, version: str, manifest: Mapping[str, Any]) -> list[list[int]] | None:
    """What was taken for what on test pictures: a line a true label. None where no evaluation is kept that says so."""
    report = session.get(ModelReport, (version, EVALUATION))
    try:
        counts = json.loads(report.content)["test"]["confusion"] if report is not None else None
    except (ValueError, KeyError, TypeError):
        return None
    size = len(manifest["labels"])
    lines = counts if isinstance(counts, list) and len(counts) == size else []
    whole = all(isinstance(line, list) and len(line) == size and all(type(n) is int for n in line) for line in lines)
    return lines if lines and whole else None


def _sources(facts: Facts) -> dict[str, str]:
    """Where each figure comes from."""
    of_code = {
        "made_at": "the clock of the control API",
        "rules": "stressvision_store.alerts.rules",
        "retention": "stressvision_store.retention_report.report",
        "audit_chain": "stressvision_store.audit_chain, every link made again",
        "manifests": "SELECT version, manifest FROM model_versions, of models desired or named in a heartbeat",
        "mistakes": f"{EVALUATION} of model_reports, as the trainer wrote it",
        "grants": access.GRANTS.strip(),
        "views": access.VIEWS.strip(),
        "routes": "the OpenAPI document of the control API",
    }
    return {name: of_code.get(name) or STATEMENTS[name].strip() for name in facts}
