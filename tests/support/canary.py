"""A pattern of pixels to plant in a picture, and to look for wherever it must not be."""

import base64
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import zstandard
from numpy.typing import NDArray

from support.servers import free_port

STRIPES = (250, 17, 201, 66, 143, 9, 222, 98, 178, 41, 237, 120)
"""Grey values of broad stripes, side by side: they come out in this order at any scale."""

_NOISE = np.random.default_rng(20261121).integers(0, 256, 640, dtype=np.uint8)
_PIECE = 24
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM6", b"RIFF", b"P5\n", b"P6\n", b"\x93NUMPY")
"""How files of the kinds that pictures are kept in begin."""


def plant(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`frame` (480 x 640, grey) with noise along its lower edge, and the stripes above that."""
    planted = frame.copy()
    planted[440:] = _NOISE
    planted[400:440] = np.repeat(np.array(STRIPES, np.uint8), 640 // len(STRIPES) + 1)[:640]
    return planted


def trace(data: bytes) -> str | None:
    """What of the pattern is in `data`, if anything: as it is, in colour, as text, scaled, or a file of a picture."""
    for start in range(0, 640 - _PIECE, _PIECE):
        piece = _NOISE[start : start + _PIECE]
        for form, wanted in (
            ("grey", piece.tobytes()),
            ("colour", np.repeat(piece[:12], 3).tobytes()),
            ("base64", base64.b64encode(piece.tobytes())),
            ("hexadecimal", piece.tobytes().hex().encode()),
            ("numbers", ", ".join(map(str, piece.tolist())).encode()),
        ):
            if wanted in data:
                return f"noise, {form}"
    if _holds_stripes(data):
        return "stripes"
    return next((f"a file of a picture ({start!r})" for start in _PICTURES if data.startswith(start)), None)


def _holds_stripes(data: bytes) -> bool:
    """Whether the stripes' values follow each other, each at least twice, whatever lies at the seams."""
    values = np.frombuffer(data, np.uint8)
    if len(values) < 2 * len(STRIPES):
        return False
    ends = np.flatnonzero(np.diff(values, append=~values[-1:]))
    lengths = np.diff(ends, prepend=-1)
    runs = values[ends[lengths >= 2]]
    return bytes(STRIPES) in runs.tobytes()


def traces(folder: Path) -> dict[str, str]:
    """Files below `folder` that hold something of the pattern, and what."""
    found = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if (what := trace(file.read_bytes())) is not None:
            found[str(file.relative_to(folder))] = what
    return found


def in_memory_of(pid: int) -> str | None:
    """What of the pattern a running process holds: shows that looking for it would find it."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            first, last = (int(edge, 16) for edge in where.split("-"))
            if not rights.startswith("rw") or last - first > 1 << 28:
                continue
            try:
                memory.seek(first)
                what = trace(memory.read(last - first))
            except OSError:
                continue
            if what is not None:
                return what
    return None


@dataclass
class Wiretap:
    """A server before the real one that keeps every byte of every request: line, headers, body, body unpacked."""

    url: str = ""
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def wiretap(upstream: str) -> Iterator[Wiretap]:
    tap = Wiretap()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            tap.heard += [str(self.requestline).encode(), str(headers).encode(), body, _unpacked(body)]
            answer = client.request(self.command, self.path, content=body, headers=headers)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Retry-After", "ETag"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = _pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with httpx.Client(base_url=upstream, timeout=30) as client:
        server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        tap.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield tap
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _unpacked(body: bytes) -> bytes:
    if body.startswith(b"\x1f\x8b"):
        return gzip.decompress(body)
    if body.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=1 << 24)
    return body
