"""Keeps the signatures of the model repository good: a timestamp lives for a day."""

import logging
from pathlib import Path

from sqlalchemy import Engine

from stressvision_store.repository import renewal
from stressvision_store.repository.keys import read_server_keys
from stressvision_store.session import transaction
from stressvision_worker import metrics

log = logging.getLogger(__name__)


def refresh_models(engine: Engine, keys: Path) -> None:
    """Sign anew what ends soon, forget what nobody asks for, and say when each role ends, also when signing fails."""
    try:
        with transaction(engine) as session:
            renewed = renewal.renew(session, read_server_keys(keys))
            renewal.forget_old(session)
        for role in renewed:
            metrics.MODELS_RENEWED.labels(kind=role).inc()
        if renewed:
            log.info("signed anew", extra={"roles": renewed})
    finally:
        show_ends(engine)


def show_ends(engine: Engine) -> None:
    with transaction(engine) as session:
        for role, ends_at in renewal.ends(session).items():
            metrics.MODELS_EXPIRE.labels(kind=role).set(ends_at.timestamp())
