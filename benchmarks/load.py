"""A load generator over real HTTP: keep-alive connections on raw asyncio, bodies made beforehand.

It costs about 20 µs a request, so that on two cores it is the server that is measured. It runs as a process of its
own: `run_load` pickles the requests to it and reads back the latencies.
"""

import asyncio
import pickle
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Plan:
    """`requests` (whole HTTP requests as bytes) go over `connections`.

    Closed loop: each connection sends its next when the last is answered. With `interval_s` an open loop: one request
    is due every `interval_s` and its latency counts from then, however late it could be sent.
    """

    port: int
    connections: int
    requests: Sequence[bytes]
    interval_s: float | None = None


@dataclass
class Outcome:
    """`seconds` from the first byte sent to the last answer; `latencies_s` of the answers, unsorted."""

    seconds: float
    latencies_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    client_cpu_s: float = 0.0


class _Connection(asyncio.Protocol):
    """Sends one request at a time and finds the end of its answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(rest) >= length and self._answer is not None:
            self._buffer = rest[length:]
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server hung up"))

    async def send(self, request: bytes) -> int:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


async def _run(plan: Plan) -> Outcome:
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(_Connection, "127.0.0.1", plan.port))[1] for _ in range(plan.connections)
    ]
    waiting = deque(enumerate(plan.requests))
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    begun = time.perf_counter()

    async def work(connection: _Connection) -> None:
        while waiting:
            place, request = waiting.popleft()
            due = time.perf_counter()
            if plan.interval_s is not None:
                due = begun + place * plan.interval_s
                await asyncio.sleep(due - time.perf_counter())
            statuses[await connection.send(request)] += 1
            latencies.append(time.perf_counter() - due)

    await asyncio.gather(*map(work, connections))
    return Outcome(time.perf_counter() - begun, latencies, dict(statuses), time.process_time())


def run_load(plan: Plan) -> Outcome:
    """Run `plan` in a process of its own. Raise `RuntimeError` with its complaint when that fails."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=pickle.dumps(plan), capture_output=True, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed: {done.stderr.decode()[-2000:]}")
    outcome: Outcome = pickle.loads(done.stdout)  # noqa: S301 - from our own child
    return outcome


if __name__ == "__main__":
    from benchmarks.load import Plan as _Plan  # the name under which it was pickled

    sent: _Plan = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(sent))
    from benchmarks.load import Outcome as _Outcome

    pickle.dump(_Outcome(result.seconds, result.latencies_s, result.statuses, result.client_cpu_s), sys.stdout.buffer)
