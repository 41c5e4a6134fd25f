"""How soon a person is told: from the post of an episode that opened to the message a real web server received."""

import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks.results import Entry, entry, shown
from chaos.rollups import Platform, open_platform
from support import intake
from support.inboxes import Inbox, web_inbox
from support.servers import wait_until

ALERTS = 100
BAR_S = 10.0
LINK = "http://127.0.0.1/alerts"


def run() -> list[Entry]:
    """One at a time through intake, worker and channel; then all at once, which shares the senders."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-alerts-"))
    folder.chmod(0o755)
    try:
        with web_inbox() as inbox:
            channels = folder / "channels.toml"
            channels.write_text(f'[[channels]]\nname = "bench"\nurl = "{inbox.url}"\n')
            channels.chmod(0o600)
            settings = {"STRESSVISION_ALERT_CHANNELS": str(channels), "STRESSVISION_ALERT_LINK": LINK}
            with open_platform(folder, stations=10, **settings) as platform:
                _let_all_through(platform)
                spaced = _told_after(platform, inbox, pause_s=0.2)
                at_once = _told_after(platform, inbox, pause_s=0.0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    note = f"{ALERTS} alerts, from the request's start to the message received; the worker looks every second"
    return [
        shown("a person is told, p50", spaced[ALERTS // 2], "s", note),
        entry("a person is told, p99", spaced[int(ALERTS * 0.99) - 1], "≤", BAR_S, "s", note),
        entry(f"{ALERTS} alerts at once, the last is told", at_once[-1], "≤", BAR_S, "s"),
    ]


def _let_all_through(platform: Platform) -> None:
    """Neither cool-down nor budget nor break is measured here."""
    with psycopg.connect(platform.database.url("owner"), autocommit=True) as connection:
        connection.execute("DELETE FROM shift_breaks")
        connection.execute(
            "INSERT INTO alert_settings (site_id, cooldown_s, hourly_budget) SELECT id, 0, 999 FROM sites"
        )


def _told_after(platform: Platform, inbox: Inbox, *, pause_s: float) -> list[float]:
    """Seconds from each post to its message, sorted."""
    posted, before = {}, len(inbox.messages)
    for number in range(ALERTS):
        device = platform.devices[number % len(platform.devices)]
        event = intake.make_episode(datetime.now(UTC), seq=before * 10 + number)
        posted[event["episode_id"]] = time.time()
        device.send(event).raise_for_status()
        time.sleep(pause_s * (number % 7) / 3)  # at no fixed place between two looks
    wait_until(lambda: len(inbox.messages) >= before + ALERTS, "the messages", timeout_s=60)
    arrived = dict(zip((_key(message) for message in inbox.messages), inbox.arrived_s, strict=True))
    with psycopg.connect(platform.database.url("owner")) as connection:
        keys = dict(connection.execute("SELECT episode_id::text, key FROM alerts").fetchall())
    return sorted(arrived[keys[episode]] - begun for episode, begun in posted.items())


def _key(message: dict[str, str]) -> str:
    return message["message"].rpartition("/")[2]
