"""One open browser socket: hints melt together, and leave at most once a second."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from enum import IntEnum
from typing import Any

import orjson

from console.live.people import Listener, Proof
from edges.hints import Hint

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MELT_SECONDS = 1.0
PING_SECONDS = 30.0
# A peer that takes no message for so long is cut off.
SLOW_SECONDS = 10.0
# From so many different things on, only their kinds are told.
MOST_CHANGES = 50
EVERYTHING = {"changed": "everything"}


class Close(IntEnum):
    POLICY = 1008
    TOO_BIG = 1009
    RESTART = 1012
    OVERLOADED = 1013
    UNAUTHENTICATED = 4401
    WRONG_ORIGIN = 4403
    TOO_MANY = 4429


class PersonSocket:
    """Belongs to the event loop that made it."""

    def __init__(self, proof: Proof, listener: Listener, send: Send) -> None:
        self.proof = proof
        self.listener = listener
        self.closing: Close | None = None
        self._send = send
        self._changes: dict[tuple[str, ...], dict[str, str]] = {}
        self._woken = asyncio.Event()
        self._closed = asyncio.Event()

    def offer(self, hint: Hint) -> None:
        """Only what this person may hear, each thing once."""
        if self.closing is not None or not self.listener.may_hear(hint):
            return
        change = {"changed": hint.changed, "organization": self.listener.codes[hint.organization_id]}
        if hint.subject and len(self._changes) < MOST_CHANGES:
            change["id"] = hint.subject
        self._changes[tuple(change.values())] = change
        self._woken.set()

    def offer_everything(self) -> None:
        """Hints were lost, or the person may see other things now."""
        self._changes = {("everything",): dict(EVERYTHING)}
        self._woken.set()

    def renew(self, listener: Listener | None) -> None:
        """As the credential was found again; None: it is gone."""
        if listener is None:
            self.close(Close.UNAUTHENTICATED)
        elif listener != self.listener:
            self.listener = listener
            self.offer_everything()

    def close(self, code: Close) -> None:
        if self.closing is None:
            self.closing = code
            self._changes.clear()
            self._closed.set()
            self._woken.set()

    async def write(self) -> None:
        """Until closed, or until the peer takes nothing any more."""
        await self._say({"type": "hello", "protocol": 1, "ping_seconds": int(PING_SECONDS)})
        while self.closing is None:
            if not await _within(self._woken, PING_SECONDS):
                await self._say({"type": "ping"})
                continue
            self._woken.clear()
            changes, self._changes = self._changes, {}
            if changes:
                await self._say({"type": "changed", "changes": list(changes.values())})
            await _within(self._closed, MELT_SECONDS)
        await self._within_reason({"type": "websocket.close", "code": int(self.closing)})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._within_reason({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _within_reason(self, message: MutableMapping[str, Any]) -> None:
        async with asyncio.timeout(SLOW_SECONDS):
            await self._send(message)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Did it happen in time?"""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
