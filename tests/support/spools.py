"""Looking into a spool."""

import json
from typing import Any, Final

from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool import Spool
from stressvision_agent.spool_rows import Batch

SMALL: Final = SpoolSettings(max_bytes=1 << 20, min_free_bytes=0)
ROOM: Final = 1 << 20


def events_of(batch: Batch) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in batch.events]


def everything(spool: Spool) -> list[dict[str, Any]]:
    """What waits, taken out batch by batch."""
    taken = []
    while batch := spool.peek(500, ROOM):
        taken += events_of(batch)
        spool.ack([event.seq for event in batch.events])
    return taken
