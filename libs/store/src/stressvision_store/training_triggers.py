"""Jobs that nobody asked for: because it is time, because there are new pictures, because a model drifts.

Such a job repeats the recipe that last gave a candidate. Where none ever has, nobody has chosen a recipe, and there is
nothing to repeat.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from stressvision_contracts.labels import COMPANY5
from stressvision_store.training_jobs import default_version
from stressvision_store.training_tables import TrainingJob

DAYS_RECOMPUTED: Final = 3
"""Today and the days before it: devices send late what they could not send at once."""

DAYS_MISSED: Final = 35
"""Days before those that are folded if they have no row: the worker stood still, or a whole fleet sent late."""

FEWEST_WINDOWS: Final = 2000
"""Of each week that is compared: some 33 hours of capture. Fewer say nothing about a model."""

_MIX = ", ".join(f"coalesce(sum(e.{label}_ms) FILTER (WHERE e.faces > 0), 0)" for label in COMPANY5)
_HIGHEST = ", ".join(f"e.{label}_ppm" for label in COMPANY5)

_FOLD_DAYS = text(f"""
INSERT INTO model_days (
    model_version, day, windows, mix, confidence_ppm, devices, blind_windows, captured_ms, observed_ms)
SELECT
    e.model_version, (e.started_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE e.faces > 0),
    ARRAY[{_MIX}]::bigint[],
    coalesce(sum(greatest({_HIGHEST})) FILTER (WHERE e.faces > 0), 0),
    count(DISTINCT e.device_id), count(*) FILTER (WHERE e.faces = 0),
    sum(extract(epoch FROM e.ended_at - e.started_at) * 1000)::bigint,
    sum(extract(epoch FROM e.ended_at - e.started_at) * e.coverage_ppm / 1000)::bigint
FROM events e
WHERE e.kind = 1 AND e.event_id >= event_id_bound(:first - 1) AND e.event_id < event_id_bound(:until)
    AND e.started_at >= (:first)::timestamp AT TIME ZONE 'UTC'
    AND e.started_at < least((:last + 1)::timestamp AT TIME ZONE 'UTC', now() + interval '1 day')
    AND EXISTS (SELECT FROM model_versions v WHERE v.version = e.model_version)
GROUP BY 1, 2
HAVING count(*) FILTER (WHERE e.faces > 0) > 0
ON CONFLICT (model_version, day) DO UPDATE SET
    windows = EXCLUDED.windows, mix = EXCLUDED.mix, confidence_ppm = EXCLUDED.confidence_ppm,
    devices = EXCLUDED.devices, blind_windows = EXCLUDED.blind_windows, captured_ms = EXCLUDED.captured_ms,
    observed_ms = EXCLUDED.observed_ms, computed_at = now()
""")  # noqa: S608

_MISSED = text("""
SELECT CAST(:first AS date) - n FROM generate_series(1, :days) n
WHERE NOT EXISTS (SELECT FROM model_days m WHERE m.day = CAST(:first AS date) - n) ORDER BY n
""")

_DRIFTED = text("""
SELECT d.* FROM model_drift d
WHERE d.first_windows >= :fewest AND d.newest_windows >= :fewest
    AND d.newest_day >= (now() AT TIME ZONE 'UTC')::date - 2
    AND (d.psi >= :psi OR d.first_confidence - d.newest_confidence >= :confidence)
    AND NOT EXISTS (
        SELECT FROM training_jobs j WHERE j.trigger = 'drift' AND starts_with(j.reason, d.model_version || ': ')
    )
ORDER BY d.newest_day DESC, d.model_version LIMIT 1
""")

_NEW_PICTURES = text("""
SELECT count(*) FROM pictures
WHERE removed_at IS NULL AND added_at > coalesce((SELECT max(created_at) FROM training_jobs), '-infinity')
""")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a run is due; None never. `psi` and `confidence` go together: either is enough."""

    every: timedelta | None = None
    pictures: int | None = None
    psi: float | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """`trigger` as in the table; `reason` in words, of a drift beginning with the model's version."""

    trigger: str
    reason: str


def fold_days(session: Session) -> None:
    """Bring `model_days` up to date from the raw windows of the last days, and of older ones without a row. Idempotent.

    A device's clock may have been off when it made an event's id, which says in which partition it lies: of the last
    days all later partitions are looked at, of older days two.
    """
    today = session.execute(text("SELECT (now() AT TIME ZONE 'UTC')::date")).scalar_one()
    first = today - timedelta(days=DAYS_RECOMPUTED - 1)
    for day in session.scalars(_MISSED, {"first": first, "days": DAYS_MISSED}).all():
        session.execute(_FOLD_DAYS, {"first": day, "last": day, "until": day + timedelta(days=3)})
    session.execute(_FOLD_DAYS, {"first": first, "last": today + timedelta(days=1), "until": date(9999, 1, 1)})


def find_due(session: Session, thresholds: Thresholds) -> Due | None:
    """Why a run is due now, the weightiest reason first."""
    drift = _drift(session, thresholds)
    if drift is not None:
        return drift
    if thresholds.pictures is not None:
        new = int(session.execute(_NEW_PICTURES).scalar_one())
        if new >= thresholds.pictures:
            return Due("pictures", f"{new} pictures since the last run")
    if thresholds.every is not None:
        age = session.execute(text("SELECT now() - max(created_at) FROM training_jobs")).scalar_one()
        if age is not None and age >= thresholds.every:
            return Due("schedule", f"{age.days} days since the last run")
    return None


def _drift(session: Session, thresholds: Thresholds) -> Due | None:
    if thresholds.psi is None and thresholds.confidence is None:
        return None
    bars = {"psi": thresholds.psi or 1e9, "confidence": thresholds.confidence or 2.0, "fewest": FEWEST_WINDOWS}
    row = session.execute(_DRIFTED, bars).first()
    if row is None:
        return None
    return Due(
        "drift",
        f"{row.model_version}: mix of labels moved by {row.psi:.2f} (population stability index), confidence from "
        f"{row.first_confidence:.2f} to {row.newest_confidence:.2f} since its first week",
    )


def queue_due(session: Session, due: Due) -> TrainingJob | None:
    """Repeat the recipe that last gave a candidate; None when there is none, or a job waits or runs already."""
    statement = select(TrainingJob).order_by(col(TrainingJob.id).desc()).limit(1)
    if session.exec(statement.where(col(TrainingJob.ended_at).is_(None))).first() is not None:
        return None
    last = session.exec(statement.where(col(TrainingJob.state) == "succeeded")).first()
    if last is None:
        return None
    made = session.execute(
        insert(TrainingJob)
        .values(
            recipe=last.recipe,
            recipe_text=last.recipe_text,
            changes=last.changes,
            version="",
            trigger=due.trigger,
            reason=due.reason,
            requested_by=f"the platform ({due.trigger})",
        )
        .on_conflict_do_nothing()
        .returning(TrainingJob.id)  # type: ignore[call-overload]
    ).scalar()
    if made is None:  # another worker was first
        return None
    job = session.get_one(TrainingJob, made)
    job.version = default_version(job)
    session.flush()
    return job
