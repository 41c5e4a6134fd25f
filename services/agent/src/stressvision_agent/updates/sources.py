"""Where a signed repository is read from: the server, or a folder that somebody carried here."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import httpx

from stressvision_agent.client import Answer

METADATA: Final = "/v1/models/metadata/"
TARGETS: Final = "/v1/models/targets/"
METADATA_BYTES: Final = 5_000_000
"""The most that python-tuf takes: room for some five hundred manifests."""


class SourceUnavailableError(Exception):
    """Nothing usable came; asking again later may help. `status` is the HTTP status where there was one."""

    def __init__(self, message: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s


@dataclass(frozen=True, slots=True)
class Piecewise:
    """A target's bytes from `start` on, as they come."""

    start: int
    pieces: Iterator[bytes]


class ModelSource(Protocol):
    """Both raise `SourceUnavailableError`; what they give is checked by others."""

    def metadata(self, name: str) -> bytes: ...
    def target(self, name: str, start: int) -> AbstractContextManager[Piecewise]: ...


class Opens(Protocol):
    """GETs as an enrolled device: the answer itself, or an `Answer` that says why there is none."""

    def open(self, path: str, headers: dict[str, str]) -> AbstractContextManager[httpx.Response | Answer]: ...


class ServerSource:
    """The server's repository, through a client of the updating thread's own."""

    def __init__(self, client: Opens) -> None:
        self._client = client

    def metadata(self, name: str) -> bytes:
        with self._opened(METADATA + name, {}) as response:
            body = b""
            for piece in response.iter_bytes():
                body += piece
                if len(body) > METADATA_BYTES:
                    raise SourceUnavailableError(f"{name} has more than {METADATA_BYTES} bytes")
            return body

    @contextmanager
    def target(self, name: str, start: int) -> Iterator[Piecewise]:
        """A server that knows no ranges, or no such range, is asked for the whole."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self._opened(TARGETS + name, headers) as response:
                yield Piecewise(_first_byte(response, start), response.iter_raw())
        except SourceUnavailableError as error:
            if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
                raise
            with self.target(name, 0) as whole:
                yield whole

    @contextmanager
    def _opened(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        try:
            with self._client.open(path, headers) as answer:
                if isinstance(answer, Answer):
                    raise SourceUnavailableError(
                        f"{path}: {answer.status or 'no answer'} {answer.text}", answer.status, answer.retry_after_s
                    )
                yield answer
        except httpx.HTTPError as error:
            raise SourceUnavailableError(f"{path}: {error!r}") from error


def _first_byte(response: httpx.Response, wanted: int) -> int:
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    said = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if said != str(wanted):
        raise SourceUnavailableError(f"asked for bytes from {wanted}, got those from {said or 'nowhere'}")
    return wanted


class FolderSource:
    """An export of the repository: `metadata/` and `targets/` as the server names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def metadata(self, name: str) -> bytes:
        return self._read(self.folder / "metadata" / name)

    @contextmanager
    def target(self, name: str, start: int) -> Iterator[Piecewise]:
        yield Piecewise(start, iter([self._read(self.folder / "targets" / name)[start:]]))

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise SourceUnavailableError(f"{path} is missing", httpx.codes.NOT_FOUND) from error
        except OSError as error:
            raise SourceUnavailableError(f"{path}: {error.strerror}") from error
