"""From a fatigue episode that opened to a row in `alerts`, and to the messages that are due.

Every opening of an episode gives one row, whatever is sent again: (episode, rule) is unique. What nobody is to be told
of is a row too, `suppressed`, with the reason.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from stressvision_store.alert_tables import Alert, AlertDelivery, AlertSettings
from stressvision_store.attribution import ATTRIBUTED
from stressvision_store.locks import Lock, try_hold

RULE: Final = "fatigue_lasts"
RULE_VERSION: Final = "1"
"""Raise it with any change of what raises an alert: precision is counted by version. Version 1: a device's fatigue
episode opens, which takes the model's thresholds (its manifest), a face in half the time, and a person's baseline."""

LATE: Final = timedelta(minutes=10)
"""An opening older than this when it arrives is history; nobody is called for it."""

_HOUR: Final = timedelta(hours=1)

_NEW = f"""
WITH moments AS MATERIALIZED (
    SELECT DISTINCT ON (e.episode_id) e.episode_id, e.device_id, e.started_at, e.ended_at AS at, e.received_at,
        e.model_version, coalesce(e.coverage_ppm, 0) AS coverage_ppm
    FROM events e
    WHERE e.condition = 2 AND e.phase = 1 AND e.received_at >= :since
      AND NOT EXISTS (SELECT FROM alerts a WHERE a.episode_id = e.episode_id AND a.rule = :rule)
    ORDER BY e.episode_id, e.received_at
)
SELECT moment.*, stood.station_id, z.time_zone, now() AS now
FROM ({ATTRIBUTED}) moment
LEFT JOIN LATERAL (
    SELECT p.station_id FROM placements p
    WHERE p.device_id = moment.device_id AND p.placed_at <= moment.at
      AND (p.removed_at IS NULL OR p.removed_at > moment.at)
    ORDER BY p.placed_at DESC, p.id DESC LIMIT 1
) stood ON true
LEFT JOIN sites z ON z.id = moment.site_id
WHERE moment.reason IS DISTINCT FROM 'profile' AND z.profile IS DISTINCT FROM 'off'
ORDER BY moment.at, moment.episode_id
"""  # noqa: S608

_PREPARE = text("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
"""No plan over all partitions made anew every second."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go, by name. `step` 1 is told first, 2 when nobody acknowledges; `sites` None: of all sites."""

    name: str
    step: int = 1
    sites: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """One row that was made; `because` says why nobody is told, `channels` how many are."""

    alert_id: int
    because: str | None
    channels: int


def raise_alerts(session: Session, channels: Sequence[Channel], *, since: datetime) -> list[Raised] | None:
    """Make a row for each fatigue episode that opened and came in since then, and the messages due. Commit afterwards.

    None: another worker is at it, and nothing was looked at.
    """
    if not try_hold(session, Lock.ALERTS):
        return None
    session.execute(_PREPARE)
    found = session.execute(text(_NEW), {"since": since, "rule": RULE}).all()
    return [_raise(session, row, channels) for row in found]


def _raise(session: Session, row: Any, channels: Sequence[Channel]) -> Raised:
    settings = settings_of(session, row.site_id)
    because = _reason_to_suppress(session, row, settings)
    alert = Alert(
        rule=RULE, rule_version=RULE_VERSION, episode_id=row.episode_id, condition="fatigue", device_id=row.device_id,
        site_id=row.site_id, area_id=row.area_id, station_id=row.station_id,
        employee_id=row.employee_id if row.reason is None else None,
        model_version=row.model_version, coverage_ppm=row.coverage_ppm,
        started_at=row.started_at, opened_at=row.at, received_at=row.received_at,
        state="open" if because is None else "suppressed", suppressed_because=because, key=secrets.token_urlsafe(18),
    )  # fmt: skip
    session.add(alert)
    session.flush()
    told = _tell(session, alert, channels, step=1) if because is None else 0
    return Raised(alert.id or 0, because, told)


def settings_of(session: Session, site_id: int | None) -> AlertSettings:
    """The site's wishes, or the defaults."""
    kept = session.get(AlertSettings, site_id) if site_id is not None else None
    return kept or AlertSettings(site_id=site_id or 0)


def _reason_to_suppress(session: Session, row: Any, settings: AlertSettings) -> str | None:
    if row.station_id is None:
        return "no_station"
    if row.now - row.at > LATE:
        return "late"
    if row.reason in ("break", "no_consent"):
        return str(row.reason)
    if is_quiet(settings, row.at, row.time_zone):
        return "quiet"
    at_station = col(Alert.station_id) == row.station_id
    if _told(session, at_station, since=row.at - timedelta(seconds=settings.cooldown_s), until=row.at):
        return "cooldown"
    person = col(Alert.employee_id) == row.employee_id if row.reason is None else at_station
    if _told(session, person, since=row.at - _HOUR, until=row.at) >= settings.hourly_budget:
        return "budget"
    return None


def _told(session: Session, who: Any, *, since: datetime, until: datetime) -> int:
    statement = select(func.count()).where(
        who, col(Alert.state) != "suppressed", col(Alert.opened_at) > since, col(Alert.opened_at) <= until
    )
    return session.exec(statement).one()


def is_quiet(settings: AlertSettings, at: datetime, time_zone: str) -> bool:
    """Whether `at` lies in the site's quiet hours, which may run over midnight; equal times mean the whole day."""
    if settings.quiet_from is None or settings.quiet_until is None:
        return False
    local: time = at.astimezone(ZoneInfo(time_zone)).time()
    if settings.quiet_from < settings.quiet_until:
        return settings.quiet_from <= local < settings.quiet_until
    return local >= settings.quiet_from or local < settings.quiet_until


def _tell(session: Session, alert: Alert, channels: Sequence[Channel], *, step: int) -> int:
    site = session.scalar(text("SELECT name FROM sites WHERE id = :id"), {"id": alert.site_id})
    names = {each.name for each in channels if each.step == step and (each.sites is None or site in each.sites)}
    for name in sorted(names):
        session.add(AlertDelivery(alert_id=alert.id or 0, channel=name, step=step))
    session.flush()
    return len(names)


_OVERDUE = """
SELECT a.id FROM alerts a
LEFT JOIN alert_settings s ON s.site_id = a.site_id
WHERE a.state IN ('open', 'notified') AND a.escalated_at IS NULL
  AND (a.raised_at <= now() - make_interval(secs => coalesce(s.escalate_after_s, :default))
    OR EXISTS (SELECT FROM alert_deliveries d WHERE d.alert_id = a.id AND d.gave_up_at IS NOT NULL)
       AND NOT EXISTS (SELECT FROM alert_deliveries d WHERE d.alert_id = a.id AND d.gave_up_at IS NULL))
ORDER BY a.raised_at LIMIT 100 FOR UPDATE OF a SKIP LOCKED
"""


def escalate(session: Session, channels: Sequence[Channel]) -> int:
    """Have the second channels told of alerts that nobody acknowledged in the site's time; return how many alerts.

    The time runs from the row, and ends early when every message to the first channels was given up.
    """
    default = AlertSettings(site_id=0).escalate_after_s
    overdue = session.scalars(text(_OVERDUE), {"default": default}).all()
    for alert_id in overdue:
        alert = session.get_one(Alert, alert_id)
        _tell(session, alert, channels, step=2)
        alert.escalated_at = session.scalar(select(func.now()))
    return len(overdue)


def close_forgotten(session: Session, *, after: timedelta = timedelta(hours=24)) -> int:
    """Close, with outcome unknown, what nobody closed for so long; return how many."""
    statement = text(
        "UPDATE alerts SET state = 'closed', outcome = 'unknown', closed_at = now(), closed_by = 'nobody' "
        "WHERE state IN ('open', 'notified', 'acknowledged') AND raised_at < now() - :after"
    )
    return int(session.execute(statement, {"after": after}).rowcount)  # type: ignore[attr-defined]
