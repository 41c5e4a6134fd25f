"""A line between devices and a server that is slow, breaks off in the middle of things, and is down for a while."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 16_384


class Line:
    """Passes bytes on to `port` of this machine; `url` leads through it.

    Downwards each connection has `bytes_per_s`, and it breaks after a random number of bytes out of `breaks_after`.
    """

    def __init__(self, port: int, *, bytes_per_s: float, breaks_after: tuple[int, int], seed: int = 1) -> None:
        self._port, self._bytes_per_s, self._breaks_after = port, bytes_per_s, breaks_after
        self._chance = random.Random(seed)
        self._down = threading.Event()
        self._open: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self.url = ""
        self.breaks = 0

    def cut(self) -> None:
        """Down: what is open breaks off, and nothing new gets through."""
        self._down.set()
        self._loop.call_soon_threadsafe(self._break_all)

    def mend(self) -> None:
        self._down.clear()

    @contextmanager
    def open(self) -> Iterator["Line"]:
        thread = threading.Thread(target=self._loop.run_forever, name="line")
        thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._pass_on, "127.0.0.1", 0), self._loop
        ).result(10)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(server), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def _break_all(self) -> None:
        for ends in self._open.items():
            self.breaks += 1
            for end in ends:
                end.transport.abort()

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        self._break_all()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down.is_set():
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._open[writer] = back
        up = asyncio.ensure_future(self._send(reader, back))
        try:
            await self._answer(there, writer)
        finally:
            del self._open[writer]
            up.cancel()
            for end in (writer, back):
                end.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                back.write(piece)
                await back.drain()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._chance.randint(*self._breaks_after)
        with suppress(ConnectionError):
            while piece := await there.read(PIECE):
                writer.write(piece[:left])
                await writer.drain()
                left -= len(piece)
                if left <= 0:
                    self.breaks += 1
                    return
                await asyncio.sleep(len(piece) / self._bytes_per_s)
