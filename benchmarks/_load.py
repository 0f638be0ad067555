"""A load generator: keep-alive connections on the loopback, each asking again as soon as it is answered."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

ANSWER_SECONDS = 30.0


@dataclass
class Tally:
    """What one run saw."""

    seconds: float = 0.0
    bytes_in: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds

    def wait_ms(self, share: float) -> float:
        ordered = sorted(self.waits)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last is complete."""

    def __init__(
        self, requests: Iterator[bytes], tally: Tally, until: float, ended: "asyncio.Future[None]"
    ) -> None:
        self.requests, self.tally, self.until, self.ended = requests, tally, until, ended
        self.buffer = b""
        self.transport: asyncio.Transport
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        self.asked_at = time.perf_counter()
        if self.asked_at >= self.until:
            self.transport.close()
        else:
            self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        size = head + 4 + self.body_size(head)
        if len(self.buffer) < size:
            return
        self.tally.statuses[int(self.buffer[9:12])] += 1
        self.tally.waits.append(time.perf_counter() - self.asked_at)
        self.tally.bytes_in += size
        self.buffer = self.buffer[size:]
        self.ask()

    def body_size(self, head: int) -> int:
        lower = self.buffer[:head].lower()
        if b"transfer-encoding: chunked" in lower:
            raise ValueError("the generator reads answers with a length only")
        at = lower.find(b"content-length:")
        if at < 0 or self.buffer[9:12] == b"304":
            return 0
        return int(lower[at + 15 :].split(b"\r\n", 1)[0])

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def run(port: int, requests: Sequence[bytes], *, seconds: float, connections: int) -> Tally:
    """Ask for `seconds`, rotating over `requests`; every connection finishes the answer it waits for."""
    return uvloop.run(_run(port, itertools.cycle(requests), seconds, connections))


async def _run(port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Tally:
    loop, tally = asyncio.get_running_loop(), Tally()
    started = time.perf_counter()
    ends = []
    for _ in range(connections):
        ended: asyncio.Future[None] = loop.create_future()
        ends.append(ended)
        await loop.create_connection(
            lambda ended=ended: Connection(requests, tally, started + seconds, ended), "127.0.0.1", port
        )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*ends), seconds + ANSWER_SECONDS)
    tally.seconds = time.perf_counter() - started
    return tally


def get(path: str, headers: dict[str, str]) -> bytes:
    """The bytes of one GET."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
