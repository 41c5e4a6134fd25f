"""What devices fetch, at hand: files and metadata by what never changes, so that a fleet costs one read of each."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from stressvision_store import model_files
from stressvision_store.refusals import NotFoundError
from stressvision_store.repository import metadata
from stressvision_store.repository.metadata import Role
from stressvision_store.session import transaction

CAPACITY_BYTES: Final = 64 << 20
Load = Callable[[], bytes | None]


class Shelf:
    """Holds at most `capacity_bytes`; what was asked for longest ago goes first."""

    def __init__(self, engine: Engine, *, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._engine = engine
        self._capacity_bytes = capacity_bytes
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._reading: dict[str, asyncio.Task[bytes | None]] = {}

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._held.values()))

    async def metadata(self, role: Role, version: int | None) -> bytes | None:
        """That version of a role, or the newest, which is asked of the database each time; None where there is none."""
        if version is None:
            return await self._ask(f"newest {role}", lambda: self._load_metadata(role, None))
        return await self._hold(f"{version}.{role}", lambda: self._load_metadata(role, version))

    async def target(self, version: str, digest: str) -> bytes | None:
        """The file, while the repository offers it under that version; None otherwise."""
        if await self._ask(f"offered {version}", lambda: self._offered(version)) != digest.encode():
            return None
        return await self._hold(digest, lambda: self._load_file(digest))

    async def _hold(self, key: str, load: Load) -> bytes | None:
        """What never changes, from memory if it is there."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        content = await self._ask(key, load)
        if content is not None and len(content) <= self._capacity_bytes:
            self._held[key] = content
            while self.held_bytes > self._capacity_bytes:
                self._held.popitem(last=False)
        return content

    async def _ask(self, key: str, load: Load) -> bytes | None:
        """Read once for all who ask while it is being read."""
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key, load), name=f"shelf {key}")
        return await asyncio.shield(reading)

    async def _read(self, key: str, load: Load) -> bytes | None:
        try:
            return await run_in_threadpool(load)
        finally:
            del self._reading[key]

    def _load_metadata(self, role: Role, version: int | None) -> bytes | None:
        with transaction(self._engine) as session:
            return metadata.find_content(session, role, version)

    def _offered(self, version: str) -> bytes | None:
        with transaction(self._engine) as session:
            digest = model_files.published_digest(session, version)
        return digest.encode() if digest is not None else None

    def _load_file(self, digest: str) -> bytes | None:
        with transaction(self._engine) as session:
            try:
                return model_files.load_file(session, digest)
            except NotFoundError:
                return None
