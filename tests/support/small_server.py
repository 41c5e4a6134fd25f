"""A small server that speaks the device API and does what a test tells it to."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import zstandard


@dataclass
class Reply:
    """What the small server answers once: a status, a body, headers; or no answer at all after it has stored."""

    status: int = 202
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    store: bool = False


class SmallServer:
    """Keeps events by id as the intake does. `script` is served first, a reply for each request to `/v1/events`."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.batches: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.script: list[Reply] = []
        self.refuse: Callable[[list[dict[str, Any]]], int | None] = lambda events: None
        self.reject: Callable[[dict[str, Any]], str | None] = lambda event: None
        self.wishes: dict[str, Any] = {"site_profile": "full", "paused": False}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.tokens = 0
        self.token_replies: list[Reply] = []
        self.enrolment_replies: list[Reply] = []
        self.files: dict[str, bytes] = {}
        self.gets: list[tuple[str, str | None]] = []
        self.cut_after: int | None = None
        self.key_requests: list[dict[str, Any]] = []
        self.key_replies: list[Reply] = []
        self.url = ""

    def take(self, batch: dict[str, Any]) -> dict[str, Any]:
        self.batches.append(batch)
        stored = duplicate = 0
        rejected = []
        for index, event in enumerate(batch["events"]):
            reason = self.reject(event)
            if reason:
                rejected.append({"event_id": event["event_id"], "reason": reason, "index": index})
            elif event["event_id"] in self.events:
                assert self.events[event["event_id"]] == event, "same id, other content"
                duplicate += 1
            else:
                self.events[event["event_id"]] = event
                stored += 1
        return {"stored": stored, "duplicate": duplicate, "rejected": rejected, "acked_seq": None}


class _Handler(BaseHTTPRequestHandler):
    server_version = "small"
    protocol_version = "HTTP/1.1"
    small: SmallServer

    def log_message(self, *args: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return f"{self.small.now():%a, %d %b %Y %H:%M:%S} GMT"

    def do_GET(self) -> None:
        """A file of the model repository, from where it is asked for; `cut_after` bytes the line breaks, once."""
        wanted = self.headers.get("Range")
        self.small.gets.append((self.path, wanted))
        content = self.small.files.get(self.path.removeprefix("/v1/models/"))
        if not self.headers.get("Authorization", "").startswith("Bearer t"):
            self._send(401, {}, b"{}")
        elif content is None:
            self._send(404, {}, b"{}")
        else:
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if start >= len(content) and wanted:
                self._send(416, {}, b"{}")
                return
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if wanted else {}
            self._send(206 if wanted else 200, headers, content[start:])

    def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.small.cut_after is not None and "/targets/" in self.path:
            data, self.small.cut_after = data[: self.small.cut_after], None
            self.close_connection = True
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.small.requests.append(self.path)
        answer = {
            "/v1/enroll": self._enroll,
            "/v1/token": self._token,
            "/v1/events": self._events,
            "/v1/heartbeat": self._heartbeat,
            "/v1/key": self._key,
        }[self.path](body)
        if answer.hang_up:
            self.close_connection = True
            return
        data = json.dumps(answer.body or {}).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _enroll(self, body: bytes) -> Reply:
        self.small.enrolment = json.loads(body)
        if self.small.enrolment_replies:
            return self.small.enrolment_replies.pop(0)
        return Reply(201, {"device_id": 7})

    def _token(self, body: bytes) -> Reply:
        form = parse_qs(body.decode())
        assert form["grant_type"] == ["client_credentials"]
        self.small.assertion = form["client_assertion"][0]
        if self.small.token_replies:
            return self.small.token_replies.pop(0)
        self.small.tokens += 1
        return Reply(200, {"access_token": f"t{self.small.tokens}", "expires_in": 3600, "token_type": "Bearer"})

    def _events(self, body: bytes) -> Reply:
        encoding = self.headers.get("Content-Encoding")
        if encoding == "zstd":
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=1 << 21)
        elif encoding == "gzip":
            body = gzip.decompress(body)
        batch = json.loads(body)
        if self.small.script:
            reply = self.small.script.pop(0)
            if reply.store:
                reply.body = self.small.take(batch)
            return reply
        status = self.small.refuse(batch["events"])
        return Reply(status, {"detail": "refused"}) if status else Reply(202, self.small.take(batch))

    def _key(self, body: bytes) -> Reply:
        self.small.key_requests.append(json.loads(body))
        return self.small.key_replies.pop(0) if self.small.key_replies else Reply(200)

    def _heartbeat(self, body: bytes) -> Reply:
        self.small.heartbeats.append(json.loads(body))
        return Reply(200, {"server_time": self.small.now().isoformat(), **self.small.wishes})


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Devices that vanish are what is tested."""


@contextmanager
def small_server() -> Iterator[SmallServer]:
    """A `SmallServer` on a free loopback port."""
    small = SmallServer()
    handler = type("Handler", (_Handler,), {"small": small})
    httpd = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    small.url = f"http://127.0.0.1:{httpd.server_port}"
    try:
        yield small
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
