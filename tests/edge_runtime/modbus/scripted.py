"""A device in a few lines, for what no well-behaved server does: silence, nonsense, hanging up."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.edge_runtime.modbus.wire import Loop

HANG_UP = b"hang up"
Answer = Callable[["Asked"], bytes | None]


@dataclass(frozen=True)
class Asked:
    """One request on Modbus TCP."""

    number: int
    at_s: float
    transaction: int
    unit_id: int
    fc: int
    address: int
    count: int
    words: tuple[int, ...] = ()
    """What a write of registers brings."""

    def reply(self, pdu: bytes, transaction: int | None = None) -> bytes:
        number = self.transaction if transaction is None else transaction
        return struct.pack(">HHHB", number, 0, len(pdu) + 1, self.unit_id) + pdu

    def registers(self, *words: int) -> bytes:
        return self.reply(struct.pack(f">BB{len(words)}H", self.fc, 2 * len(words), *words))

    def done(self) -> bytes:
        """The answer to a write of registers."""
        return self.reply(
            struct.pack(">BHH", self.fc, self.address, self.words[0] if self.fc == 6 else self.count)
        )

    def exception(self, code: int) -> bytes:
        return self.reply(bytes([self.fc | 0x80, code]))


@dataclass
class Scripted:
    """What was asked, and on how many connections."""

    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                header = await reader.readexactly(7)
                transaction, _, length, unit_id = struct.unpack(">HHHB", header)
                pdu = await reader.readexactly(length - 1)
                fc, address, count = struct.unpack(">BHH", pdu[:5])
                words = _words(fc, count, pdu)
                asked = Asked(
                    len(self.asked), time.monotonic(), transaction, unit_id, fc, address, count, words
                )
                self.asked.append(asked)
                answer = self.answer(asked)
                if answer == HANG_UP:
                    break
                if answer is not None:
                    writer.write(answer)
        writer.close()


def _words(fc: int, count: int, pdu: bytes) -> tuple[int, ...]:
    if fc == 6:
        return (count,)
    return struct.unpack(f">{count}H", pdu[6:]) if fc == 16 else ()


@contextlib.contextmanager
def scripted(loop: Loop, answer: Answer) -> Iterator[tuple[Scripted, int]]:
    made = Scripted(answer)

    async def start() -> asyncio.Server:
        return await asyncio.start_server(made.serve, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        await made.hang_up()
        await server.wait_closed()

    server = loop.run(start())
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        loop.run(stop())
