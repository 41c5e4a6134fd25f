"""A simulated device: its own Ed25519 key, its own tokens, its batches and heartbeat over the real device API."""

import asyncio
import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stressvision_contracts.events import AnyEvent, BatchReceipt, EventBatch
from stressvision_contracts.fleet import (
    ASSERTION_AUDIENCE,
    ASSERTION_TYPE,
    Enrolment,
    EnrolmentRequest,
    Heartbeat,
    Token,
)

AGENT_VERSION = "0.1.0-demo"
TRIES = 60
"""How often a busy or absent server is asked again before the demo gives up."""


class DeviceError(RuntimeError):
    """The device API refused what a device must be able to do; the message says what it answered."""


def new_key() -> str:
    """A fresh Ed25519 private key, base64url."""
    return base64.urlsafe_b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def _private(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key))


async def _post(http: httpx.AsyncClient, path: str, body: object, token: str | None = None) -> httpx.Response:
    """Wait and come again on 429, 503 and no answer, as long as the server says; raise `DeviceError` in the end."""
    content = zstandard.compress(msgspec.json.encode(body), 3) if token else msgspec.json.encode(body)
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers |= {"Authorization": f"Bearer {token}", "Content-Encoding": "zstd"}
    last = "no answer"
    for _ in range(TRIES):
        try:
            answer = await http.post(path, content=content, headers=headers)
        except httpx.TransportError as error:
            last, wait_s = repr(error), 1.0
        else:
            if answer.status_code not in {429, 503}:
                return answer
            last, wait_s = f"{answer.status_code}: {answer.text[:200]}", float(answer.headers.get("Retry-After", 1))
        await asyncio.sleep(min(wait_s, 10.0))
    raise DeviceError(f"{path} was refused {TRIES} times, last with {last}")


async def enrol(http: httpx.AsyncClient, code: str, key: str, hostname: str) -> int:
    """Join with an operator's code; return the device's number."""
    raw = _private(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    request = EnrolmentRequest(
        code=code,
        public_key=base64.urlsafe_b64encode(raw).rstrip(b"=").decode(),
        hostname=hostname,
        hardware="simulated",
        agent_version=AGENT_VERSION,
    )
    answer = await _post(http, "/v1/enroll", request)
    if answer.is_error:
        raise DeviceError(f"enrolment of {hostname} answered {answer.status_code}: {answer.text[:300]}")
    return msgspec.json.decode(answer.content, type=Enrolment).device_id


@dataclass
class Device:
    """`device_id` as enrolled, `key` its private key. Counts what the server answered for its events."""

    http: httpx.AsyncClient
    device_id: int
    key: str
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    _token: str | None = None
    _boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def is_known(self) -> bool:
        """Whether the server still takes this device's word; not so after its database was made anew."""
        answer = await self._ask_token()
        return answer.is_success

    async def send(self, events: Sequence[AnyEvent]) -> None:
        """One batch; raise `DeviceError` unless the server answered for every event."""
        batch = EventBatch(sent_at=datetime.now(UTC), boot_id=self._boot_id, events=list(events))
        answer = await self._post("/v1/events", batch)
        receipt = msgspec.json.decode(answer.content, type=BatchReceipt)
        self.stored += receipt.stored
        self.duplicate += receipt.duplicate
        self.rejected += len(receipt.rejected)
        for rejection in receipt.rejected:
            self.reasons[rejection.reason] = self.reasons.get(rejection.reason, 0) + 1

    async def report(self, produced: int, model_version: str) -> None:
        """A heartbeat that says how many events were ever produced and that none waits."""
        now = datetime.now(UTC)
        heartbeat = Heartbeat(
            sent_at=now,
            boot_id=self._boot_id,
            agent_version=AGENT_VERSION,
            next_seq=produced,
            model_version=model_version,
            spooled=0,
            spool_age_s=0.0,
            state="watching",
            clock_synchronised=True,
            temperature_c=52.0,
        )
        await self._post("/v1/heartbeat", heartbeat)

    async def _post(self, path: str, body: object) -> httpx.Response:
        for _ in range(2):
            if self._token is None:
                self._token = await self._new_token()
            answer = await _post(self.http, path, body, self._token)
            if answer.status_code != 401:
                break
            self._token = None
        if answer.is_error:
            raise DeviceError(f"{path} answered device {self.device_id} {answer.status_code}: {answer.text[:300]}")
        return answer

    async def _new_token(self) -> str:
        answer = await self._ask_token()
        if answer.is_error:
            raise DeviceError(f"device {self.device_id} got no token: {answer.status_code} {answer.text[:300]}")
        return msgspec.json.decode(answer.content, type=Token).access_token

    async def _ask_token(self) -> httpx.Response:
        """By a client assertion signed with the device's key (RFC 7523)."""
        now, name = datetime.now(UTC), str(self.device_id)
        claims = {
            "iss": name,
            "sub": name,
            "aud": ASSERTION_AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=60)).timestamp()),
            "jti": uuid.uuid4().hex,
        }
        assertion = jwt.encode(claims, _private(self.key), algorithm="EdDSA")
        body = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return await _post(self.http, "/v1/token", body)
