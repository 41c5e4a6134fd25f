"""The device API as the device calls it: every answer, also none at all, is a value."""

import gzip
import logging
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal, Protocol

import httpx
import msgspec
import zstandard

from stressvision_agent.clock import Clock
from stressvision_agent.settings import ServerSettings
from stressvision_contracts.fleet import (
    ASSERTION_TYPE,
    Enrolment,
    EnrolmentRequest,
    Heartbeat,
    KeyRotation,
    Token,
)

log = logging.getLogger(__name__)

Compression = Literal["zstd", "gzip", "none"]

COMPRESS_ABOVE = 1_024
"""Bytes below which packing gains nothing."""

RENEW_BEFORE_S = 60.0
"""A token is renewed so long before it ends, so that none ends on the way."""

UNREACHABLE = 0

LONGEST_RETRY_AFTER_S = 3_600.0
"""A server, or something on the way that speaks for it, may quieten a device for an hour at most."""

MAX_ANSWER_BYTES = 1 << 20
"""Beyond it an answer is none of ours: a receipt for 1,000 rejected events has a third of that."""


class _NoAnswerOfOursError(httpx.HTTPError):
    pass


class RefusedError(RuntimeError):
    """What was asked for was not done; the message says why and what to do."""


class EnrolmentError(RefusedError):
    """The server did not take this device; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is the HTTP status, `UNREACHABLE` when none came. `retry_after_s` is what the server asked for."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None

    @property
    def text(self) -> str:
        """The beginning of the body, for a message or a log."""
        return self.body[:300].decode(errors="replace")


class _Refusal(msgspec.Struct):
    server_time: Annotated[datetime, msgspec.Meta(tz=True)]


def open_http(settings: ServerSettings) -> httpx.Client:
    """Proxies and certificates come from the settings alone, never from the environment of the process."""
    timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
    verify: ssl.SSLContext | bool = True
    if settings.ca_file:
        verify = ssl.create_default_context(cafile=settings.ca_file)
    return httpx.Client(
        base_url=settings.url, timeout=timeout, verify=verify, proxy=settings.proxy or None, trust_env=False
    )


def enrol(http: httpx.Client, request: EnrolmentRequest) -> Enrolment:
    """Join with a code; raise `EnrolmentError`."""
    try:
        response = http.post("/v1/enroll", content=msgspec.json.encode(request), headers=_JSON)
        if response.is_success:
            return msgspec.json.decode(response.content, type=Enrolment)
    except httpx.HTTPError as error:
        raise EnrolmentError(f"no answer from {http.base_url}: {error}; check address, network, certificate") from error
    except msgspec.DecodeError as error:
        raise EnrolmentError(f"{http.base_url} is no Stress Vision server: {error}") from error
    if response.is_redirect:
        raise EnrolmentError(f"{http.base_url} sends elsewhere, to {response.headers['Location']}: give that address")
    said = response.text[:300]
    if response.status_code in {400, 401, 403, 404, 409, 410, 422}:
        raise EnrolmentError(f"the server refused the code ({response.status_code}): {said}; ask for a fresh code")
    raise EnrolmentError(f"the server answered {response.status_code}: {said}; try again later")


class Time(Protocol):
    """What a client asks the time, and tells what it learns of it; see `Timeline`."""

    def now(self) -> datetime: ...
    def observe_server(self, server_time: datetime, sent_s: float, received_s: float) -> None: ...
    def observe_date(self, header: str | None, sent_s: float, received_s: float) -> None: ...


class Signs(Protocol):
    """Who a client speaks as; `refresh` when the server no longer knows it so."""

    def assertion(self, now: datetime) -> str: ...
    def refresh(self) -> None: ...


class DeviceClient:
    """Speaks as one enrolled device. Not thread-safe: each thread has its own."""

    def __init__(
        self,
        http: httpx.Client,
        identity: Signs,
        timeline: Time,
        clock: Clock,
        *,
        compression: Compression = "zstd",
    ) -> None:
        self._http, self._identity, self._timeline, self._clock = http, identity, timeline, clock
        self._compression = compression
        self._token: str | None = None
        self._token_until_s = 0.0

    def post_events(self, body: bytes) -> Answer:
        return self._authorised("/v1/events", *self._pack(body))

    def heartbeat(self, report: Heartbeat) -> Answer:
        return self._authorised("/v1/heartbeat", msgspec.json.encode(report), dict(_JSON))

    def post_key(self, wanted: KeyRotation) -> Answer:
        return self._authorised("/v1/key", msgspec.json.encode(wanted), dict(_JSON))

    @contextmanager
    def open(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response | Answer]:
        """GET with a token: a successful response with its body still to be read, else the answer that says why not.

        `httpx.HTTPError` when the body breaks off.
        """
        response = self._opened(path, headers)
        if isinstance(response, Answer):
            yield response
            return
        with closing(response):
            yield response

    def _opened(self, path: str, headers: dict[str, str]) -> httpx.Response | Answer:
        for _ in range(2):
            refusal = self._ensure_token()
            if refusal is not None:
                return refusal
            given = {**headers, "Authorization": f"Bearer {self._token}"}
            try:
                response = self._http.send(self._http.build_request("GET", path, headers=given), stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
                return Answer(UNREACHABLE, repr(error).encode())
            if response.is_success:
                return response
            with closing(response):
                answer = Answer(response.status_code, _read(response), _retry_after_s(response, self._timeline.now()))
            if answer.status != httpx.codes.UNAUTHORIZED:
                return answer
            self._token = None
        return answer

    def fetch_token(self) -> Answer:
        """Ask for an access token; it is kept when the answer is 200."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._identity.assertion(self._timeline.now()),
        }
        answer = self._exchange(self._http.build_request("POST", "/v1/token", data=form))
        if answer.status != httpx.codes.OK:
            return answer
        try:
            token = msgspec.json.decode(answer.body, type=Token)
        except msgspec.DecodeError:
            # without its body, in which there may be a token, for answers are logged
            return Answer(UNREACHABLE, b"the answer to a token request cannot be read")
        self._token = token.access_token
        self._token_until_s = self._clock.monotonic() + token.expires_in - RENEW_BEFORE_S
        return answer

    def _authorised(self, path: str, content: bytes, headers: dict[str, str]) -> Answer:
        """Send with a token; a 401 gets one fresh token and one more try.

        A device whose clock stands in 1970 is refused at first and learns the time from the refusal.
        """
        for _ in range(2):
            refusal = self._ensure_token()
            if refusal is not None:
                return refusal
            headers["Authorization"] = f"Bearer {self._token}"
            answer = self._exchange(self._http.build_request("POST", path, content=content, headers=headers))
            if answer.status != httpx.codes.UNAUTHORIZED:
                return answer
            self._token = None
        return answer

    def _ensure_token(self) -> Answer | None:
        if self._token is not None and self._clock.monotonic() < self._token_until_s:
            return None
        answer = self.fetch_token()
        if answer.status == httpx.codes.UNAUTHORIZED:
            self._identity.refresh()
            answer = self.fetch_token()
        return None if answer.status == httpx.codes.OK else answer

    def _exchange(self, request: httpx.Request) -> Answer:
        sent_s = self._clock.monotonic()
        try:
            response = self._http.send(request, stream=True)
            with closing(response):
                body = _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            log.debug("no answer", extra={"error": repr(error)})
            return Answer(UNREACHABLE, repr(error).encode())
        self._learn_time(response, body, sent_s, self._clock.monotonic())
        return Answer(response.status_code, body, _retry_after_s(response, self._timeline.now()))

    def _learn_time(self, response: httpx.Response, body: bytes, sent_s: float, received_s: float) -> None:
        """A 401 tells the time to the microsecond, every other answer to the second."""
        if response.status_code == httpx.codes.UNAUTHORIZED:
            with suppress(msgspec.DecodeError):
                refusal = msgspec.json.decode(body, type=_Refusal)
                self._timeline.observe_server(refusal.server_time, sent_s, received_s)
                return
        self._timeline.observe_date(response.headers.get("Date"), sent_s, received_s)

    def _pack(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        if self._compression == "none" or len(body) <= COMPRESS_ABOVE:
            return body, dict(_JSON)
        if self._compression == "gzip":
            return gzip.compress(body, 6), {**_JSON, "Content-Encoding": "gzip"}
        return zstandard.ZstdCompressor().compress(body), {**_JSON, "Content-Encoding": "zstd"}


_JSON = {"Content-Type": "application/json"}


def _read(response: httpx.Response) -> bytes:
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise _NoAnswerOfOursError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return body


def _retry_after_s(response: httpx.Response, now: datetime) -> float | None:
    """RFC 9110 section 10.2.3: whole seconds, or a date."""
    header = response.headers.get("Retry-After")
    if header is None:
        return None
    if header.strip().isdecimal():
        return min(float(header), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)
