"""Messages about alerts that are due, at least once each: claimed, sent, marked.

A claim is a lease: the try is counted and the next one set before anything is sent, and `sent_at` is set after. A
worker that is killed between the two leaves a message that is sent again when the lease is over.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

LEASE_S: Final = 60.0
"""Longer than any one try takes."""

MAX_TRIES: Final = 8
FIRST_WAIT_S: Final = 2.0
LAST_WAIT_S: Final = 120.0
"""After a failure 2, 4, … 120 s: eight tries take some four minutes. Later than that, a message helps nobody."""

_CLAIM = """
WITH due AS (
    SELECT d.id FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
    WHERE d.sent_at IS NULL AND d.gave_up_at IS NULL AND d.next_try_at <= now() AND a.state IN ('open', 'notified')
    ORDER BY d.next_try_at LIMIT :limit FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE alert_deliveries d SET tries = d.tries + 1, next_try_at = now() + make_interval(secs => :lease_s)
    FROM due WHERE d.id = due.id RETURNING d.id, d.alert_id, d.channel, d.step, d.tries
)
SELECT c.id, c.channel, c.step, c.tries, c.alert_id, a.key, a.rule, a.started_at, a.opened_at, a.received_at,
    a.coverage_ppm, z.name AS site, z.time_zone, r.name AS area, t.name AS station,
    coalesce(s.language, 'es') AS language
FROM claimed c JOIN alerts a ON a.id = c.alert_id
JOIN sites z ON z.id = a.site_id JOIN areas r ON r.id = a.area_id JOIN stations t ON t.id = a.station_id
LEFT JOIN alert_settings s ON s.site_id = a.site_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a sender needs to know; nothing of a person."""

    id: int
    channel: str
    step: int
    tries: int
    alert_id: int
    key: str
    rule: str
    started_at: datetime
    opened_at: datetime
    received_at: datetime
    coverage_ppm: int
    site: str
    time_zone: str
    area: str
    station: str
    language: str


def claim(session: Session, limit: int) -> list[Message]:
    """Up to `limit` messages that are due and that nobody else holds; what was acknowledged meanwhile is none."""
    rows = session.execute(text(_CLAIM), {"limit": limit, "lease_s": LEASE_S})
    return [Message(**row._mapping) for row in rows]


def mark_sent(session: Session, message: Message) -> None:
    """The message went out; the alert is notified, unless somebody was faster."""
    session.execute(
        text("UPDATE alert_deliveries SET sent_at = now() WHERE id = :id AND sent_at IS NULL"), {"id": message.id}
    )
    session.execute(
        text(
            "UPDATE alerts SET state = CASE state WHEN 'open' THEN 'notified' ELSE state END, "
            "notified_at = coalesce(notified_at, now()) WHERE id = :id"
        ),
        {"id": message.alert_id},
    )


def mark_failed(session: Session, message: Message) -> bool:
    """The message did not go out; return whether it is given up for good."""
    gives_up = message.tries >= MAX_TRIES
    wait_s = min(FIRST_WAIT_S * 2 ** (message.tries - 1), LAST_WAIT_S)
    session.execute(
        text(
            "UPDATE alert_deliveries SET next_try_at = now() + make_interval(secs => :wait_s), "
            "gave_up_at = CASE WHEN :gives_up THEN now() END WHERE id = :id"
        ),
        {"id": message.id, "wait_s": wait_s, "gives_up": gives_up},
    )
    return gives_up
