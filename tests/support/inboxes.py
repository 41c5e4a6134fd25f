"""Where alerts arrive in tests: a web server that takes posts, and a mail server."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """`status` is what posts are answered with; `wait_s` how long that takes."""

    port: int = 0
    status: int = 200
    wait_s: float = 0.0
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    tried: int = 0

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/secret-word-of-the-hook"


@contextmanager
def web_inbox(port: int = 0) -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(inbox.wait_s)
            inbox.tried += 1
            if inbox.status == 200:
                inbox.messages.append(json.loads(body))
                inbox.arrived_s.append(time.time())
            self.send_response(inbox.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Not to the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    inbox.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailInbox:
    port: int = 0
    letters: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=plant@example.com&to=shift@example.com&mode=insecure"


@contextmanager
def mail_inbox() -> Iterator[MailInbox]:
    """As much of SMTP (RFC 5321) as a client without encryption uses."""
    inbox = MailInbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 inbox\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    inbox.letters.append(self._letter())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 OK\r\n")
                if word == b"QUIT":
                    return

        def _letter(self) -> str:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            return b"".join(lines).decode()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        inbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield inbox
        finally:
            server.shutdown()
            thread.join()
