"""Send dead letters again that people have asked for: judged as if they came now, timed as when they came."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from typing import Final

import msgspec
import psycopg

from stressvision_contracts.events import BatchEnvelope
from stressvision_ingest import metrics
from stressvision_ingest.clocks import to_us
from stressvision_ingest.decoding import printable
from stressvision_ingest.errors import ProblemError, RevokedDeviceError, UnauthorizedError
from stressvision_ingest.roster import RosterCopy
from stressvision_ingest.rules import Terms
from stressvision_ingest.settings import Settings
from stressvision_ingest.verdicts import CONFLICT_DETAIL, Judged, judge
from stressvision_store import intake, replays
from stressvision_store.binary import Connection, connect
from stressvision_store.intake import Verdict
from stressvision_store.replays import AskedLetter

log = logging.getLogger(__name__)

_ENVELOPE: Final = msgspec.json.Encoder()


class Replays:
    """`models` and `wake` are those of the coalescer."""

    def __init__(self, settings: Settings, roster: RosterCopy, *, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._roster = roster
        self._wake = wake
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="replays")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._sweep()
            except (psycopg.Error, ProblemError, TimeoutError) as error:
                metrics.REPLAY_FAILURES.inc()
                log.warning("dead letters could not be sent again; later", extra={"error": str(error)[:300]})
            except Exception:  # the edge of this loop
                metrics.REPLAY_FAILURES.inc()
                log.exception("sending dead letters again failed for a reason of our own")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._settings.replay_period_s)

    async def _sweep(self) -> None:
        """All that are asked for now, one after the other."""
        connection = await connect(
            self._settings.database_url.get_secret_value(),
            name="stressvision-ingest-replays",
            statement_timeout_s=self._settings.statement_timeout_s,
        )
        try:
            first = True
            while not self._stopping.is_set():
                async with connection.transaction():
                    letter = await replays.take(connection)
                    if letter is None:
                        return
                    if first:
                        await self._roster.refresh()  # what was missing may have been registered a moment ago
                        first = False
                    outcome = await self._replay(connection, letter)
                metrics.REPLAYED.labels(outcome=outcome).inc()
                if outcome == "stored":
                    self._wake()
        finally:
            await connection.close()

    async def _replay(self, connection: Connection, letter: AskedLetter) -> str:
        """The outcome: stored, duplicate or rejected. Within the transaction that holds the letter."""
        refusal = None
        try:
            judged = await self._judged(letter)
        except (UnauthorizedError, RevokedDeviceError) as error:
            refusal = letter.reason, str(error)
        else:
            if judged is None:
                refusal = letter.reason, "what the device sent was not kept whole, so it cannot be sent again"
            elif judged.rejected:
                refusal = judged.rejected[0].reason, judged.rejected[0].detail
            else:
                verdict = await self._store(connection, judged)
                if isinstance(verdict, str):
                    await replays.settle(connection, letter)
                    return verdict
                refusal = verdict
        await replays.keep(connection, letter, *refusal)
        return "rejected"

    async def _judged(self, letter: AskedLetter) -> Judged | None:
        if letter.sent_at is None or not letter.body:
            return None
        standing = await self._roster.standing(letter.device_id)
        envelope = BatchEnvelope(
            sent_at=letter.sent_at.astimezone(UTC),
            boot_id=letter.boot_id or "unknown",
            sent_monotonic_s=letter.sent_monotonic_s,
            boot_started_at=letter.boot_started_at,
        )
        head = _ENVELOPE.encode(envelope)
        terms = Terms(
            device_id=letter.device_id,
            profile=standing.profile,
            models=self._roster.models,
            received_us=to_us(letter.received_at),
            oldest_event_days=self._settings.oldest_event_days,
            newest_event_s=self._settings.newest_event_s,
        )
        try:
            judged = judge(head[:-1] + b',"events":[' + letter.body + b"]}", terms)
        except ProblemError:
            return None  # a body that was cut is no JSON
        return judged if judged.size == 1 else None

    async def _store(self, connection: Connection, judged: Judged) -> str | tuple[str, str]:
        """Stored or duplicate; or reason and detail of a new refusal, and nothing is stored."""
        verdict: str | tuple[str, str] = ("conflict", CONFLICT_DETAIL)
        try:
            async with connection.transaction():
                inserted = await intake.store(connection, judged.flush, self._roster.model_names)
                found = "stored" if inserted is None else await self._known(connection, judged, inserted)
                if found == "conflict":
                    raise psycopg.Rollback  # it must not count as a duplicate
                verdict = found
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return "bad_value", printable(f"Postgres refuses it: {error}")
        return verdict

    async def _known(self, connection: Connection, judged: Judged, inserted: frozenset[bytes]) -> Verdict:
        found = await intake.verdicts(connection, judged.flush.records(), inserted)
        ((verdict,),) = found.values()
        return verdict
