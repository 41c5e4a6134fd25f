"""Takes rollouts on: what is due is done, counted, and told in the log."""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine

from stressvision_store import rollouts
from stressvision_store.rollout_tables import CAUSES
from stressvision_store.session import transaction
from stressvision_worker import metrics

log = logging.getLogger(__name__)

for _cause in CAUSES:  # so that the first halt is a rise from 0, and not the birth of a series
    metrics.ROLLOUT_HALTS.labels(why=_cause)


def step_rollouts(engine: Engine) -> int:
    """One step of each; return how many changed their state. Counted once it is committed."""
    with transaction(engine) as session:
        moves = rollouts.step(session, datetime.now(UTC))
    for move in moves:
        if move.before == "halted":
            metrics.ROLLOUT_HALTS.labels(why=move.cause or "operator").inc()
        log.info(
            "rollout",
            extra={
                "rollout": move.rollout_id,
                "before": move.before,
                "after": move.after,
                "cause": move.cause,
                "reason": move.reason,
            },
        )
    return len(moves)
