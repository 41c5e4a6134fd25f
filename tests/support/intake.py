"""What tests of the receiving side need: the intake served over real HTTP, and devices that speak to it."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy import Engine

from stressvision_contracts.fleet import ASSERTION_AUDIENCE, ASSERTION_TYPE
from stressvision_ingest.app import create_app
from stressvision_ingest.settings import Settings
from stressvision_store.enrolment_codes import create_code
from stressvision_store.model_tables import ModelVersion
from stressvision_store.session import transaction
from stressvision_store.workforce_tables import Area, Site, Station
from support.database import Database
from support.servers import free_port, wait_until

MODEL = "company5-1.0.0"
Event = dict[str, Any]


def make_settings(database: Database, redis_url: str, **changes: Any) -> Settings:
    values = {
        "environment": "production",
        "redis_url": redis_url,
        "database_url": database.url("ingest"),
        "token_secret": secrets.token_urlsafe(32),
    }
    return Settings(**{**values, **changes})


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """The app on a free port, in a thread; its URL."""
    port = free_port()
    config = uvicorn.Config(app, port=port, loop="uvloop", http="httptools", ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the intake")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def uuid7(at: datetime | None = None) -> UUID:
    """RFC 9562: the time in ms, then random bits."""
    ms = int((at or datetime.now(UTC)).timestamp() * 1000) & (2**48 - 1)
    return UUID(int=ms << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62))


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def make_window(at: datetime | None = None, /, **changes: Any) -> Event:
    """A minute of capture, valid unless told otherwise. A change to `...` leaves the field out."""
    ended_at = at or datetime.now(UTC)
    event: Event = {
        "kind": "window",
        "event_id": str(uuid7(ended_at)),
        "seq": 1,
        "started_at": text_of(ended_at - timedelta(seconds=60)),
        "ended_at": text_of(ended_at),
        "model_version": MODEL,
        "frames": 600,
        "faces": 540,
        "coverage": 0.9,
        "seconds": {"neutral": 30.0, "stress": 10.0, "sad": 2.0, "happy": 2.0, "fatigue": 10.0},
        "mean_probability": {"neutral": 0.5, "stress": 0.2, "sad": 0.05, "happy": 0.05, "fatigue": 0.2},
    }
    return _changed(event, changes)


def make_episode(at: datetime | None = None, /, **changes: Any) -> Event:
    ended_at = at or datetime.now(UTC)
    event: Event = {
        "kind": "episode",
        "event_id": str(uuid7(ended_at)),
        "seq": 1,
        "started_at": text_of(ended_at - timedelta(seconds=90)),
        "ended_at": text_of(ended_at),
        "model_version": MODEL,
        "episode_id": str(uuid4()),
        "phase": "open",
        "condition": "fatigue",
        "peak": 0.95,
        "mean": 0.8,
        "coverage": 0.9,
    }
    return _changed(event, changes)


def make_gap(at: datetime | None = None, /, **changes: Any) -> Event:
    ended_at = at or datetime.now(UTC)
    event: Event = {
        "kind": "gap",
        "event_id": str(uuid7(ended_at)),
        "seq": 1,
        "started_at": text_of(ended_at - timedelta(seconds=5)),
        "ended_at": text_of(ended_at),
        "model_version": MODEL,
        "reason": "camera",
        "lost": 0,
    }
    return _changed(event, changes)


def _changed(event: Event, changes: dict[str, Any]) -> Event:
    return {key: value for key, value in {**event, **changes}.items() if value is not ...}


def make_batch(*events: Event, **changes: Any) -> dict[str, Any]:
    return _changed({"sent_at": text_of(datetime.now(UTC)), "boot_id": "boot-1", "events": list(events)}, changes)


def receipt(answer: httpx.Response) -> tuple[int, int, list[str]]:
    """Of a batch that was taken: how many were stored and known, and why the others were refused."""
    assert answer.status_code == 202, answer.text
    said = answer.json()
    return said["stored"], said["duplicate"], [rejection["reason"] for rejection in said["rejected"]]


def register_model(engine: Engine, version: str = MODEL, **columns: Any) -> None:
    with transaction(engine) as session:
        session.add(ModelVersion(version=version, digest="0" * 64, manifest={}, **columns))


def new_code(engine: Engine, *, station_id: int | None = None, valid_for: timedelta = timedelta(hours=1)) -> str:
    with transaction(engine) as session:
        return create_code(session, station_id=station_id, valid_for=valid_for)[1]


def make_station(engine: Engine, name: str, profile: str = "safety") -> int:
    """A station at a site of its own; its id."""
    with transaction(engine) as session:
        site = Site(name=f"site {name}", time_zone="America/Lima", profile=profile)
        session.add(site)
        session.flush()
        area = Area(site_id=site.id, name="area")
        session.add(area)
        session.flush()
        station = Station(area_id=area.id, name=name)
        session.add(station)
        session.flush()
        return station.id


@dataclass
class Device:
    """A device as the intake sees it from outside. Its clock is wrong by `clock_offset_s`."""

    client: httpx.Client
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    id: int = 0
    token: str = ""
    clock_offset_s: float = 0.0

    @property
    def public_key(self) -> str:
        raw = self.key.public_key().public_bytes_raw()
        return jwt.utils.base64url_encode(raw).decode()

    def enrol(self, code: str, **changes: Any) -> httpx.Response:
        request = {
            "code": code,
            "public_key": self.public_key,
            "hostname": "pi-1",
            "hardware": "Raspberry Pi 5",
            "agent_version": "0.1.0",
        }
        answer = self.client.post("/v1/enroll", json={**request, **changes})
        if answer.is_success:
            self.id = answer.json()["device_id"]
        return answer

    def assertion(self, **changes: Any) -> str:
        now = time.time() + self.clock_offset_s
        claims = {
            "iss": str(self.id),
            "sub": str(self.id),
            "aud": ASSERTION_AUDIENCE,
            "iat": int(now),
            "exp": int(now) + 120,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(_changed(claims, changes), self.key, algorithm="EdDSA")

    def ask_token(self, assertion: str | None = None) -> httpx.Response:
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }
        answer = self.client.post("/v1/token", data=fields)
        if answer.is_success:
            self.token = answer.json()["access_token"]
        return answer

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def send(self, *events: Event, **changes: Any) -> httpx.Response:
        return self.send_raw(json.dumps(make_batch(*events, **changes)).encode())

    def send_raw(self, body: bytes, **headers: str) -> httpx.Response:
        return self.client.post("/v1/events", content=body, headers={**self.headers, **headers})

    def beat(self, **changes: Any) -> httpx.Response:
        heartbeat = {
            "sent_at": text_of(datetime.now(UTC)),
            "boot_id": "boot-1",
            "agent_version": "0.1.0",
            "next_seq": 1,
        }
        return self.client.post("/v1/heartbeat", json={**heartbeat, **changes}, headers=self.headers)


def join(client: httpx.Client, engine: Engine, *, station_id: int | None = None) -> Device:
    """A device that has enrolled and has a token."""
    device = Device(client)
    device.enrol(new_code(engine, station_id=station_id)).raise_for_status()
    device.ask_token().raise_for_status()
    return device


@contextmanager
def serve_intake(settings: Settings) -> Iterator[httpx.Client]:
    """A client of an intake that is ready."""
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        wait_until(lambda: client.get("/readyz").is_success, "readiness of the intake")
        yield client


class IntakeProcess:
    """The intake as the product runs it, in a process of its own, on one port over all its lives."""

    def __init__(self, settings: Settings) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "STRESSVISION_ENV": settings.environment,
            "STRESSVISION_REDIS_URL": settings.redis_url,
            "STRESSVISION_INGEST_DATABASE_URL": settings.database_url.get_secret_value(),
            "STRESSVISION_INGEST_TOKEN_SECRET": settings.token_secret.get_secret_value(),
            "STRESSVISION_INGEST_PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        command = [sys.executable, "-c", "from stressvision_ingest.app import main; main()"]
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE)
        wait_until(self._ready, "readiness of the intake's process")

    def _ready(self) -> bool:
        assert self.process.poll() is None, "the intake's process ended"
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def end(self, sign: signal.Signals) -> int:
        """The exit status after `sign`."""
        self.process.send_signal(sign)
        _, log = self.process.communicate(timeout=60)
        assert b"Traceback" not in log, log.decode()
        return self.process.returncode
