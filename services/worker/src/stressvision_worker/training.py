"""Decides when a model is to be trained anew, and forgets trainers that went away."""

import logging
from datetime import timedelta

from sqlalchemy import Engine

from stressvision_store import training_jobs, training_triggers
from stressvision_store.session import transaction
from stressvision_store.training_triggers import Thresholds
from stressvision_worker import metrics
from stressvision_worker.settings import Settings

log = logging.getLogger(__name__)


def thresholds_of(settings: Settings) -> Thresholds:
    """Nought is never."""
    return Thresholds(
        every=timedelta(days=settings.training_every_days) if settings.training_every_days else None,
        pictures=settings.training_new_pictures or None,
        psi=settings.training_drift_psi or None,
        confidence=settings.training_drift_confidence or None,
    )


def watch_training(engine: Engine, thresholds: Thresholds) -> None:
    """Each step in a transaction of its own: one that fails must not undo the others."""
    with transaction(engine) as session:
        ended = training_jobs.give_up_lost(session)
    if ended:
        log.warning("training jobs ended whose trainers went away", extra={"jobs": list(ended)})
    with transaction(engine) as session:
        training_triggers.fold_days(session)
    with transaction(engine) as session:
        due = training_triggers.find_due(session, thresholds)
        job = training_triggers.queue_due(session, due) if due is not None else None
        queued = job.id if job is not None else None
    if due is not None and queued is not None:
        metrics.TRAINING_QUEUED.labels(why=due.trigger).inc()
        log.info("a training job was queued", extra={"job": queued, "trigger": due.trigger, "reason": due.reason})
