"""A small plant on a running platform, from outside: over HTTP and SQL alone, importing nothing of ours."""

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MONOTONIC_S = 500_000.0
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUMS = (
    "windows", "captured_ms", "observed_ms", "neutral_ms", "stress_ms", "sad_ms", "happy_ms", "fatigue_ms",
    "neutral_weight", "stress_weight", "sad_weight", "happy_weight", "fatigue_weight",
    "stress_episodes", "fatigue_episodes",
)  # fmt: skip


@dataclass
class Plant:
    """One site with one station, two employees of whom the first is assigned, and a device that stands there."""

    settings: dict[str, str]
    control: httpx.Client
    device: httpx.Client
    device_id: int
    station: int
    employees: list[int]
    shift: int
    assignment: int
    consent: int
    model_version: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    boot_id: str = field(default_factory=lambda: str(uuid4()))
    seq: int = 0

    def close(self) -> None:
        self.device.close()
        self.control.close()

    def ask(self, sql: str, *values: object, role: str = "STRESSVISION_OWNER") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings[f"{role}_DATABASE_URL"]) as connection:
            return connection.execute(sql, values).fetchall()  # type: ignore[arg-type]

    def stamp(self, started_at: datetime, ended_at: datetime) -> dict[str, Any]:
        self.seq += 1
        return {
            "event_id": str(uuid7(ended_at)),
            "seq": self.seq - 1,
            "started_at": started_at.isoformat(),
            "ended_at": ended_at.isoformat(),
            "model_version": self.model_version,
            "monotonic_s": MONOTONIC_S - (self.now - ended_at).total_seconds(),
        }

    def send(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        sent_at = datetime.now(UTC)
        batch = {
            "sent_at": sent_at.isoformat(),
            "boot_id": self.boot_id,
            "sent_monotonic_s": MONOTONIC_S + (sent_at - self.now).total_seconds(),
            "events": events,
        }
        answer = self.device.post("/v1/events", content=json.dumps(batch))
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def sums_of(self, employee: int) -> dict[str, int]:
        """What the rollups of five minutes and of the shift say of this person; they must agree."""
        found = []
        for table in ("rollup_windows", "rollup_shifts"):
            columns = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in SUMS)
            rows = self.ask(f"SELECT {columns} FROM {table} WHERE employee_id = %s", employee)
            found.append(dict(zip(SUMS, rows[0], strict=True)))
        return found[0] if found[0] == found[1] else {"windows": -1}


def uuid7(at: datetime) -> UUID:
    """A UUIDv7 of this moment (RFC 9562 section 5.7)."""
    milliseconds = int(at.timestamp() * 1000)
    bits = milliseconds << 80 | 7 << 76 | int.from_bytes(os.urandom(10)) & ~(0xF << 76)
    return UUID(int=bits & ~(0b11 << 62) | 0b10 << 62)


def eventually(check: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)


def post(client: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201), f"{path}: {answer.status_code} {answer.text}"
    return dict(answer.json())


def join(settings: dict[str, str], code: str) -> tuple[int, httpx.Client]:
    """What a device does once: make a key, enrol, get a token. Its id, and a client that shows the token."""
    device = httpx.Client(base_url=f"http://127.0.0.1:{settings['STRESSVISION_INGEST_PORT']}", timeout=20)
    key = Ed25519PrivateKey.generate()
    public_key = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    about = {"hostname": "pi-e2e", "hardware": "test", "agent_version": "0.1.0"}
    device_id = post(device, "/v1/enroll", code=code, public_key=public_key, **about)["device_id"]
    now = int(time.time())
    claims = {"iss": str(device_id), "sub": str(device_id), "aud": "stressvision-ingest", "iat": now, "exp": now + 60}
    assertion = jwt.encode({**claims, "jti": str(uuid4())}, key, algorithm="EdDSA")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    answer = device.post("/v1/token", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] <= 3600
    device.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return device_id, device


def known_model(control: httpx.Client) -> str:
    """A registered model: the platform's own, or one made up for this test."""
    models = control.get("/v1/models").json()["items"]
    if models:
        return str(models[0]["version"])
    thresholds = dict.fromkeys(["on", "off", "enter_share", "leave_share"], 0.5)
    thresholds |= dict.fromkeys(["window_s", "min_s", "leave_s", "merge_s", "cooldown_s"], 10.0)
    manifest = {
        "version": "e2e-1", "file": "model.tflite", "digest": "0" * 64, "size_bytes": 1, "label_scheme": "company5",
        "labels": ["neutral", "stress", "sad", "happy", "fatigue"],
        "input": {"height": 48, "width": 48, "channels": 1, "margin": 0.1},
        "episodes": {"stress": thresholds, "fatigue": thresholds},
    }  # fmt: skip
    return str(post(control, "/v1/models", **manifest)["version"])


def open_plant(settings: dict[str, str]) -> Plant:
    """Everything that must be there before a device's events can be a person's, made through the control API."""
    mark = uuid4().hex[:8]
    control = httpx.Client(
        base_url=f"http://127.0.0.1:{settings['STRESSVISION_CONTROL_PORT']}",
        headers={"Authorization": f"Bearer {settings['STRESSVISION_ADMIN_TOKEN']}"},
        timeout=20,
    )
    now = datetime.now(UTC)
    site = post(control, "/v1/sites", name=f"e2e {mark}", time_zone="America/Lima")["id"]
    area = post(control, "/v1/areas", site_id=site, name="assembly")["id"]
    station = post(control, "/v1/stations", area_id=area, name="press 1")["id"]
    shift = post(control, "/v1/shifts", site_id=site, name="day", starts="00:00", ends="00:00")["id"]
    employees = [post(control, "/v1/employees", site_id=site, pseudonym=f"e2e-{mark}-{n}")["id"] for n in (1, 2)]
    given_at = (now - timedelta(days=2)).isoformat()
    consents = [
        post(control, "/v1/consents", employee_id=employee, notice_version="2026-1", given_at=given_at)["id"]
        for employee in employees
    ]
    first_date = (now - timedelta(days=2)).date().isoformat()
    roster = {"station_id": station, "shift_id": shift, "first_date": first_date}
    assignment = post(control, "/v1/assignments", employee_id=employees[0], **roster)["id"]
    device_id, device = join(settings, post(control, "/v1/enrolment-codes")["code"])
    placed_at = (now - timedelta(hours=3)).isoformat()
    answer = control.put(f"/v1/devices/{device_id}/placement", json={"station_id": station, "at": placed_at})
    assert answer.status_code == 200, answer.text
    return Plant(
        settings, control, device, device_id, station, employees, shift, assignment, consents[1], known_model(control)
    )  # fmt: skip
