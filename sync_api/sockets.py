"""One open edge socket on the server's side.

Notices go through slots, one per kind of notice, and the latest wins: what a slow peer has not read yet is
replaced and never piles up. A writer task exists only while there is something to write, so an idle socket
costs no task of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson

from doors.metrics import NOTICES

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Requests are the only notices with a slot each; an edge is never asked more than this at once.
MAX_SLOTS = 24
# How long a peer may take to read what stands before its close frame.
CLOSE_SECONDS = 2.0


class Close(IntEnum):
    """The close codes of protocol.md."""

    BINARY = 1003
    NOT_UTF8 = 1007
    POLICY = 1008
    TOO_BIG = 1009
    RESTART = 1012
    OVERLOADED = 1013
    KEY_REFUSED = 4401
    WRONG_EDGE = 4403
    REPLACED = 4409
    TOO_MANY = 4429


@dataclass(frozen=True)
class Peer:
    """Who is at the other end."""

    edge_uid: UUID
    edge_id: str
    organization_id: UUID
    key_id: str


class EdgeSocket:
    """Belongs to the event loop that made it; nothing here may be called from another thread."""

    def __init__(self, peer: Peer, send: Send, *, mark: str) -> None:
        self.peer = peer
        self.version = 0  # the newest version that the edge was told of
        self.mark = mark  # names this connection to the other processes
        self.announced = False
        self.closing: Close | None = None
        self._greeted = False
        self._send = send
        self._slots: dict[str, dict[str, Any]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._reader = asyncio.current_task()
        self._expiry: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def greet(self, hello: dict[str, Any]) -> None:
        """The first message; what was offered before it follows."""
        self._slots = {"hello": hello, **self._slots}
        self._greeted = True
        self._wake()

    def offer(self, slot: str, message: dict[str, Any]) -> None:
        """Put a message into its slot; an older one in it that was not sent yet is replaced."""
        if self.closing is not None:
            return
        if slot not in self._slots and len(self._slots) >= MAX_SLOTS:
            return
        self._slots[slot] = message
        NOTICES.add(1, type=message["type"])
        if self._greeted:
            self._wake()

    def close(self, code: Close) -> None:
        """Say goodbye: what waits in the slots is dropped; a peer that does not read is cut off."""
        if self.closing is not None:
            return
        self.closing = code
        self._slots.clear()
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._cut)
        self._wake()

    def expire_in(self, seconds: float | None) -> None:
        """Close as if revoked after `seconds`; None: the key has no end."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(max(0.0, seconds), self.close, Close.KEY_REFUSED)

    async def written(self) -> None:
        """Until everything offered so far is written, or cannot be."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    def ended(self) -> None:
        """The peer is gone or the endpoint returns: leave nothing running."""
        for timer in (self._expiry, self._deadline):
            if timer is not None:
                timer.cancel()
        if self._writer is not None and self._writer is not asyncio.current_task():
            self._writer.cancel()

    def _wake(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._slots and self.closing is None:
                slot = next(iter(self._slots))
                text = orjson.dumps(self._slots.pop(slot)).decode()
                await self._send({"type": "websocket.send", "text": text})
            if self.closing is not None:
                await self._send({"type": "websocket.close", "code": int(self.closing)})
        except (OSError, RuntimeError):
            # The peer is gone: ASGI's OSError, or uvicorn's RuntimeError when it closed by itself a moment
            # ago. The reader learns it as well.
            self._slots.clear()

    def _cut(self) -> None:
        """The peer neither reads nor leaves: the endpoint stops waiting for it."""
        if self._reader is not None:
            self._reader.cancel()
