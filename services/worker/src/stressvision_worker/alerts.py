"""From an episode to people's phones, in a thread of the worker's parent process.

It looks at Postgres every second and needs neither the broker nor a free process of the pool, because a message that
waits behind a month's backlog of rollups would come too late. Several workers share the work.
"""

import logging
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import func, select

from stressvision_store import alerts_raising, alerts_sending
from stressvision_store.alerts_sending import Message
from stressvision_store.session import create_engine, transaction
from stressvision_worker import alert_metrics as metrics
from stressvision_worker.alert_channels import AddressedChannel, ChannelsError, load_channels, silence_senders
from stressvision_worker.alert_texts import compose

log = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(hours=1)
"""What came in while no worker ran; older openings are late anyway and only lack their row."""

OVERLAP: Final = timedelta(minutes=2)
"""A row shows at its commit but carries the time of its transaction's start."""

SENDERS: Final = 8
PATIENCE_S: Final = 10.0
"""With the database: whoever holds an alert for longer holds up that one, and no other."""

FORGET_EVERY_S: Final = 600.0


class AlertSettings(BaseSettings):
    """Of alerts to people. The channels' addresses are secrets and lie in a file of their own."""

    model_config = SettingsConfigDict(env_prefix="STRESSVISION_ALERT_", extra="ignore", env_ignore_empty=True)

    channels: Path | None = Field(
        default=None, description="TOML file, readable by the worker alone, that says where alerts are sent."
    )
    link: str | None = Field(
        default=None, description="Address of the page to answer on, without the key: https://control.example/alerts"
    )
    every_s: float = Field(default=1.0, ge=0.1, le=10, description="How often new episodes are looked for.")


class AlertLoop:
    """`start` once; `stop` ends it after the message that is being sent."""

    def __init__(
        self, engine: Engine, channels: Sequence[AddressedChannel], *, link: str | None = None, every_s: float = 1.0
    ) -> None:
        self._engine, self._link, self._every_s = engine, link, every_s
        self._addressed = {each.channel.name: each for each in channels}
        self._channels = [each.channel for each in channels]
        self._since: datetime | None = None
        self._forgot_s = 0.0
        self._flying: set[Future[None]] = set()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="alert-sender")
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        if not self._channels:
            log.warning("no channels: alerts are kept, and nobody is told; see STRESSVISION_ALERT_CHANNELS")
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.turn()
            except SQLAlchemyError:
                metrics.FAILURES.labels(why="database").inc()
                log.warning("alerts: the database is out of reach; looking again", exc_info=True)
            except Exception:  # the edge of the loop
                metrics.FAILURES.labels(why="unexpected").inc()
                log.exception("alerts: an unexpected error; looking again")

    def turn(self) -> None:
        """Raise, escalate, and hand to the senders what is due, without waiting for them."""
        self.raise_new()
        with transaction(self._engine) as session:
            metrics.ESCALATED.inc(alerts_raising.escalate(session, self._channels))
        if time.monotonic() - self._forgot_s > FORGET_EVERY_S:
            with transaction(self._engine) as session:
                metrics.FORGOTTEN.inc(alerts_raising.close_forgotten(session))
            self._forgot_s = time.monotonic()
        self.send_due()
        metrics.TURNED.set(time.time())

    def raise_new(self) -> None:
        """By the database's clock. What another worker is at is looked for again, should that one hang or die."""
        with transaction(self._engine) as session:
            now = session.exec(select(func.now())).one()
            raised = alerts_raising.raise_alerts(session, self._channels, since=self._since or now - LOOK_BACK)
        if raised is None:
            return
        self._since = now - OVERLAP
        for each in raised:
            why = each.because or ("told" if each.channels else "no_channel")
            metrics.RAISED.labels(why=why).inc()

    def send_due(self) -> None:
        """Take no more than there are free senders, or what waits here would wait for a lease elsewhere."""
        self._flying = {future for future in self._flying if not future.done()}
        free = SENDERS - len(self._flying)
        if free <= 0:
            return
        with transaction(self._engine) as session:
            messages = alerts_sending.claim(session, free)
        self._flying |= {self._pool.submit(self._send_on, message) for message in messages}

    def settle(self, timeout_s: float = 30.0) -> None:
        """Wait for the messages under way."""
        until_s = time.monotonic() + timeout_s
        while any(not future.done() for future in self._flying) and time.monotonic() < until_s:
            time.sleep(0.01)

    def _send_on(self, message: Message) -> None:
        """This message, and then whatever else is due."""
        try:
            while True:
                self._send(message)
                with transaction(self._engine) as session:
                    more = alerts_sending.claim(session, 1)
                if not more or self._stopping.is_set():
                    return
                (message,) = more
        except SQLAlchemyError:
            metrics.FAILURES.labels(why="database").inc()
            log.warning("alerts: a message may not be marked; it is sent again when its lease is over", exc_info=True)

    def _send(self, message: Message) -> None:
        sent = self._try(message)
        with transaction(self._engine) as session:
            if sent:
                alerts_sending.mark_sent(session, message)
                outcome = "sent"
            else:
                outcome = "gave_up" if alerts_sending.mark_failed(session, message) else "failed"
        metrics.NOTIFICATIONS.labels(outcome=outcome).inc()
        if sent:
            metrics.NOTICE_SECONDS.observe(max(0.0, time.time() - message.received_at.timestamp()))
        else:
            log.warning(
                "an alert was not sent",
                extra={"alert": message.alert_id, "channel": message.channel, "tries": message.tries},
            )

    def _try(self, message: Message) -> bool:
        addressed = self._addressed.get(message.channel)
        if addressed is None:
            log.warning("a channel is no longer in the file", extra={"channel": message.channel})
            return False
        try:
            return addressed.send(*compose(message, self._link))
        except Exception:  # noqa: BLE001  # a plug-in of Apprise may raise anything, with an address in it
            metrics.FAILURES.labels(why="channel").inc()
            return False


def open_loop(engine: Engine, settings: AlertSettings) -> AlertLoop:
    """Raise `ChannelsError` when the file of channels cannot be used."""
    silence_senders()
    channels = load_channels(settings.channels) if settings.channels is not None else []
    return AlertLoop(engine, channels, link=settings.link, every_s=settings.every_s)


def alerts_of(database_url: str) -> AlertLoop:
    """The loop, as the environment wants it. A file of channels that cannot be used ends the process."""
    try:
        engine = create_engine(database_url, pool_size=3, name="stressvision-worker-alerts", patience_s=PATIENCE_S)
        return open_loop(engine, AlertSettings())
    except ChannelsError as error:
        sys.stderr.write(f"settings: STRESSVISION_ALERT_CHANNELS: {error}\n")
        sys.exit(2)
