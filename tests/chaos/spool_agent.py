"""The sending side of an agent as a process to kill: it spools, uploads and notes in a journal what it has spooled.

`python -m chaos.spool_agent STATE_DIR SERVER_URL TARGET [stay]` spools until TARGET events were ever spooled and ends
when the server has answered for all, or stays. Spool, uploader, heartbeater and sender are real, the drafts made up.
"""

import os
import random
import sys
import threading
import time
from pathlib import Path

from stressvision_agent.client import DeviceClient, open_http
from stressvision_agent.clock import SystemClock
from stressvision_agent.directives import Directives
from stressvision_agent.drafts import AnyDraft, GapDraft, WindowDraft
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.identity import load_identity
from stressvision_agent.sender import Sender
from stressvision_agent.settings import (
    DeviceSettings,
    HeartbeatSettings,
    ServerSettings,
    Settings,
    SpoolSettings,
    UploadSettings,
)
from stressvision_agent.spool import Spool
from stressvision_agent.timeline import Timeline
from stressvision_agent.uploader import Uploader

JOURNAL = "journal"
MODEL = "company5-1.0.0"
CHUNK = 50


def settings_for(state_dir: Path, url: str) -> Settings:
    """Impatient, so that a run takes minutes; live and backlog lanes both get their share."""
    return Settings(
        server=ServerSettings(url=url, connect_timeout_s=2.0, read_timeout_s=5.0),
        device=DeviceSettings(state_dir=state_dir),
        spool=SpoolSettings(min_free_bytes=0, live_s=1.0),
        upload=UploadSettings(backoff_first_s=0.05, backoff_last_s=0.5, backlog_per_s=1e6, max_events=200),
        heartbeat=HeartbeatSettings(interval_s=2.0),
    )


def draft(now_s: float, token: int) -> AnyDraft:
    """An event that carries `token`, so that the database can be compared with the journal."""
    if token % 20 == 0:
        return GapDraft(started_s=now_s - 1, ended_s=now_s, model_version="none", reason="camera")
    return WindowDraft(
        started_s=max(now_s - 60, 0.0),
        ended_s=now_s,
        model_version=MODEL,
        frames=token,
        faces=token // 2,
        coverage=0.5,
        seconds={"neutral": 20.0, "fatigue": 10.0},
        mean_probability={"neutral": 0.6, "fatigue": 0.4},
    )


def spool_events(spool: Spool, clock: SystemClock, journal: int, target: int) -> None:
    """Now one by one, now many at once, and a line in the journal after each."""
    while (produced := spool.status().next_seq) < target:
        n = min(random.choice((1, 1, CHUNK)), target - produced)
        tokens = [random.randrange(1, 1 << 30) for _ in range(n)]
        seqs = spool.append_all([draft(clock.monotonic(), token) for token in tokens])
        lines = [f"{seq} {0 if token % 20 == 0 else token}\n" for seq, token in zip(seqs, tokens, strict=True)]
        os.write(journal, "".join(lines).encode())
        time.sleep(0.001)


def main() -> None:
    state_dir, url, target = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    settings, clock = settings_for(state_dir, url), SystemClock()
    identity = load_identity(settings.key_file, settings.enrolled_file)
    spool = Spool(settings.spool_dir, settings.spool, clock)
    journal = os.open(state_dir / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    timeline = Timeline(clock, spool)
    client = DeviceClient(open_http(settings.server), identity, timeline, clock)
    heartbeater = Heartbeater(
        spool, client, timeline, clock, Directives(settings.directives_file, settings.off_switch), settings
    )
    uploader = Uploader(spool, client, timeline, clock, settings.upload)
    stop = threading.Event()
    sender = threading.Thread(target=Sender(spool, uploader, heartbeater, timeline, clock).run, args=(stop,))
    sender.start()
    spool_events(spool, clock, journal, target)
    while spool.status().events or "stay" in sys.argv:
        time.sleep(0.02)
    stop.set()
    spool.appended.set()
    sender.join()
    spool.close()


if __name__ == "__main__":
    main()
