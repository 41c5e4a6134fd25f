"""What people do with alerts: look, acknowledge, close with an outcome; and how often each rule was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, col, select

from stressvision_store.alert_tables import Alert, AlertSettings
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.workforce_tables import Area, Site, Station

FEWEST_JUDGED: Final = 20
"""Below this, a share of right alerts says nothing."""

NOBODY: Final = "nobody"
"""Who closes what everybody forgot; a person may still judge it later."""

_Z95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class AlertPlace:
    """An alert with the names of where it was."""

    alert: Alert
    site: str | None
    area: str | None
    station: str | None


def list_alerts(
    session: Session, *, site_id: int | None = None, state: str | None = None, after: int | None, limit: int
) -> Sequence[AlertPlace]:
    """Newest first; those that are suppressed only when asked for."""
    statement = select(Alert)
    if site_id is not None:
        statement = statement.where(Alert.site_id == site_id)
    statement = statement.where(col(Alert.state) == state if state is not None else col(Alert.state) != "suppressed")
    rows = take(session, statement, key=col(Alert.id), after=after, limit=limit, newest_first=True)
    return [placed(session, row) for row in rows]


def placed(session: Session, alert: Alert) -> AlertPlace:
    site, area, station = (
        session.get(table, key) if key is not None else None
        for table, key in ((Site, alert.site_id), (Area, alert.area_id), (Station, alert.station_id))
    )
    names = [getattr(each, "name", None) for each in (site, area, station)]
    return AlertPlace(alert, *names)


def show_alert(session: Session, alert_id: int) -> AlertPlace:
    return placed(session, one(session, Alert, alert_id, "alert"))


def find_by_key(session: Session, key: str) -> AlertPlace:
    """The alert whose message brought `key`."""
    alert = session.exec(select(Alert).where(Alert.key == key)).first()
    if alert is None:
        raise NotFoundError("there is no such alert")
    return placed(session, alert)


def acknowledge(session: Session, alert_id: int, *, actor: str) -> bool:
    """Somebody sees to it; nobody else is told from now on. Return whether that is new."""
    alert = one(session, Alert, alert_id, "alert", lock=True)
    if alert.state in ("closed", "suppressed"):
        raise ConflictError(f"alert {alert_id} is {alert.state}; only an open one can be acknowledged")
    if alert.state == "acknowledged":
        return False
    alert.state, alert.acknowledged_by, alert.acknowledged_at = "acknowledged", actor, datetime.now(UTC)
    return True


def close(session: Session, alert_id: int, *, outcome: str, actor: str) -> bool:
    """It is over, and this came of it. Return whether that is new; a verdict stands once a person gave it."""
    alert = one(session, Alert, alert_id, "alert", lock=True)
    if alert.state == "suppressed":
        raise ConflictError(f"alert {alert_id} was suppressed ({alert.suppressed_because}): nobody could look")
    if alert.state == "closed" and alert.closed_by != NOBODY:
        if alert.outcome == outcome:
            return False
        raise ConflictError(f"alert {alert_id} is closed as {alert.outcome} by {alert.closed_by}")
    now = datetime.now(UTC)
    if alert.acknowledged_at is None and outcome != "unknown":
        alert.acknowledged_at, alert.acknowledged_by = now, actor
    alert.state, alert.outcome, alert.closed_at, alert.closed_by = "closed", outcome, now, actor
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePrecision:
    """`right`: outcome true, or a break taken; `judged`: right or false. The share is None below `FEWEST_JUDGED`."""

    rule: str
    version: str
    alerts: int
    suppressed: dict[str, int]
    acknowledged: int
    judged: int
    right: int
    right_share: float | None
    right_low: float | None
    right_high: float | None


def wilson(right: int, judged: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); it stays inside 0…1 and is fair to few."""
    share = right / judged
    spread = _Z95 * sqrt(share * (1 - share) / judged + (_Z95 / (2 * judged)) ** 2)
    middle, scale = share + _Z95**2 / (2 * judged), 1 + _Z95**2 / judged
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


_RULES = """
SELECT rule, rule_version AS version,
    count(*) FILTER (WHERE state <> 'suppressed') AS alerts,
    count(*) FILTER (WHERE acknowledged_at IS NOT NULL) AS acknowledged,
    count(*) FILTER (WHERE outcome IN ('true', 'break_taken', 'false')) AS judged,
    count(*) FILTER (WHERE outcome IN ('true', 'break_taken')) AS "right"
FROM alerts GROUP BY 1, 2 ORDER BY 1, 2
"""
_SUPPRESSED = """
SELECT rule, rule_version, suppressed_because, count(*) FROM alerts WHERE state = 'suppressed' GROUP BY 1, 2, 3
"""


def rules(session: Session) -> list[RulePrecision]:
    """Each rule and version that ever fired."""
    suppressed: dict[tuple[str, str], dict[str, int]] = {}
    for rule, version, why, count in session.execute(text(_SUPPRESSED)):
        suppressed.setdefault((rule, version), {})[why] = count
    found = []
    for row in session.execute(text(_RULES)):
        enough = row.judged >= FEWEST_JUDGED
        low, high = wilson(row.right, row.judged) if enough else (None, None)
        share = row.right / row.judged if enough else None
        found.append(
            RulePrecision(
                **row._mapping,
                suppressed=suppressed.get((row.rule, row.version), {}),
                right_share=share,
                right_low=low,
                right_high=high,
            )
        )
    return found


def change_settings(session: Session, settings: AlertSettings) -> AlertSettings:
    """Keep a site's wishes, all of them anew."""
    one(session, Site, settings.site_id, "site")
    if (settings.quiet_from is None) != (settings.quiet_until is None):
        raise InvalidError("quiet hours have a beginning and an end, or neither", field="quiet_until")
    return session.merge(settings)
