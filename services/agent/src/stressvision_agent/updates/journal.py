"""How far this device is with the model it was last offered, written whole at every step so that a crash loses none."""

import logging
from pathlib import Path
from typing import Self

import msgspec

from stressvision_agent.files import write_whole
from stressvision_agent.updates.metrics import UPDATE_FAILURES
from stressvision_contracts.fleet import ModelUpdate, UpdateState

log = logging.getLogger(__name__)

REASON_LENGTH = 200


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model this device is to use. `mark` tells one local offer from the next; the server's have none."""

    version: str
    digest: str
    mark: str = ""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """`starts` counts how often the agent started while this model was in use and not yet proven.

    `previous` is the last good model but one. `retry`: refused for the repository's sake, so it is asked for again.
    """

    offer: Offer | None = None
    state: UpdateState | None = None
    reason: str | None = None
    starts: int = 0
    previous: str | None = None
    retry: bool = False

    def step(self, offer: Offer, state: UpdateState, reason: str | None = None, *, retry: bool = False) -> Self:
        """Return the journal after `offer` reached `state`."""
        # as a heartbeat may say it: one that may not be would be refused, and so would all after it
        short = reason.replace("\0", "")[:REASON_LENGTH] if reason else None
        return msgspec.structs.replace(self, offer=offer, state=state, reason=short, starts=0, retry=retry)

    def refuses(self, offer: Offer) -> bool:
        """Whether `offer` was refused for good: another must have come between before it is tried again."""
        return self.offer == offer and self.state in {"rejected", "reverted"} and not self.retry

    def report(self) -> ModelUpdate | None:
        """Return what a heartbeat says of it."""
        if self.offer is None or self.state is None:
            return None
        return ModelUpdate(version=self.offer.version, state=self.state, reason=self.reason)


def read_journal(path: Path) -> Journal:
    """Read it; one that is missing or broken is an empty one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Journal)
    except FileNotFoundError:
        return Journal()
    except (OSError, msgspec.DecodeError):
        UPDATE_FAILURES.labels(reason="journal").inc()
        log.exception("update journal cannot be read: the last good model is used")
        return Journal()


def write_journal(path: Path, journal: Journal) -> None:
    write_whole(path, msgspec.json.encode(journal))
