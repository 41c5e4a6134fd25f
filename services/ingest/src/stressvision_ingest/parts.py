"""What one running intake consists of; its endpoints are given it whole."""

from dataclasses import dataclass

from sqlalchemy import Engine

from stressvision_ingest.coalescer import Coalescer
from stressvision_ingest.fairness import Allowances
from stressvision_ingest.replays import Replays
from stressvision_ingest.roster import RosterCopy
from stressvision_ingest.settings import Settings
from stressvision_ingest.tokens import AccessTokens, UsedAssertions
from stressvision_ingest.wakeup import WakeUps
from stressvision_store.session import create_engine


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    engine: Engine
    roster: RosterCopy
    coalescer: Coalescer
    replays: Replays
    wake_ups: WakeUps
    tokens: AccessTokens
    used_assertions: UsedAssertions
    device_allowances: Allowances
    failure_allowances: Allowances

    def start(self) -> None:
        self.wake_ups.start()
        self.coalescer.start()
        self.replays.start()

    async def stop(self) -> None:
        await self.replays.stop()
        await self.coalescer.stop()
        self.wake_ups.stop()
        self.engine.dispose()


def build_parts(settings: Settings) -> Parts:
    """Without effect: nothing connects before `start`."""
    engine = create_engine(
        settings.database_url.get_secret_value(), name="stressvision-ingest", patience_s=settings.statement_timeout_s
    )
    roster = RosterCopy(engine, refresh_after_s=settings.roster_age_s)
    wake_ups = WakeUps(settings.redis_url)
    return Parts(
        settings=settings,
        engine=engine,
        roster=roster,
        coalescer=Coalescer(settings, models=roster.model_names, wake=wake_ups.request),
        replays=Replays(settings, roster, wake=wake_ups.request),
        wake_ups=wake_ups,
        tokens=AccessTokens(settings.token_secret.get_secret_value(), lifetime_s=settings.token_lifetime_s),
        used_assertions=UsedAssertions(),
        device_allowances=Allowances(rate=settings.device_rate, burst=settings.device_burst),
        failure_allowances=Allowances(rate=settings.enrolment_failures / 60, burst=settings.enrolment_failures),
    )
