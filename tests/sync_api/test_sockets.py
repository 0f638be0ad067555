"""One socket's server side: latest wins, goodbyes are said, and a peer that does not read stalls nobody."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from sync_api import sockets
from sync_api.fan_out import spread_seconds
from sync_api.registry import Registry
from sync_api.sockets import Close, EdgeSocket, Peer

Message = MutableMapping[str, Any]
ACME = UUID(int=1)


class Wire:
    """ASGI's `send`: open, or held up by a peer that does not read."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.said_goodbye = asyncio.Event()

    async def send(self, message: Message) -> None:
        await self.reading.wait()
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.said_goodbye.set()

    @property
    def texts(self) -> list[Any]:
        return [json.loads(each["text"]) for each in self.sent if each["type"] == "websocket.send"]

    @property
    def codes(self) -> list[int]:
        return [each["code"] for each in self.sent if each["type"] == "websocket.close"]


def make(wire: Wire, edge_uid: UUID | None = None, organization_id: UUID = ACME) -> EdgeSocket:
    """A socket that was greeted: its hello is not counted below."""
    peer = Peer(edge_uid or uuid4(), "acme-1", organization_id, "k" * 12)
    socket = EdgeSocket(peer, wire.send, mark="m")
    socket._greeted = True
    return socket


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))  # type: ignore[arg-type]


def notice(version: int) -> dict[str, Any]:
    return {"type": "config.updated", "version": version}


def test_what_waits_is_replaced_by_the_latest() -> None:
    async def scenario() -> None:
        wire = Wire()
        socket = make(wire)
        wire.reading.clear()
        for version in range(1, 1000):
            socket.offer("config.updated", notice(version))
            await asyncio.sleep(0)
        socket.offer("trust.updated", {"type": "trust.updated", "root_version": 2})
        wire.reading.set()
        await socket.written()
        # The first was on its way already; of the others only the last was kept.
        assert [text.get("version") for text in wire.texts] == [1, 999, None]

    run(scenario)


def test_the_hello_comes_first_whatever_was_offered_before() -> None:
    async def scenario() -> None:
        wire = Wire()
        socket = EdgeSocket(Peer(uuid4(), "acme-1", ACME, "k" * 12), wire.send, mark="m")
        socket.offer("config.updated", notice(7))
        await asyncio.sleep(0)
        assert wire.texts == []
        socket.greet({"type": "hello"})
        await socket.written()
        assert [text["type"] for text in wire.texts] == ["hello", "config.updated"]

    run(scenario)


def test_slots_are_bounded() -> None:
    async def scenario() -> None:
        wire = Wire()
        socket = make(wire)
        wire.reading.clear()
        for number in range(1000):
            socket.offer(f"request {number}", {"type": "request"})
        wire.reading.set()
        await socket.written()
        assert len(wire.texts) == sockets.MAX_SLOTS

    run(scenario)


def test_a_goodbye_drops_what_waits_and_nothing_follows_it() -> None:
    async def scenario() -> None:
        wire = Wire()
        socket = make(wire)
        socket.offer("config.updated", notice(1))
        socket.close(Close.REPLACED)
        socket.close(Close.KEY_REFUSED)
        socket.offer("config.updated", notice(2))
        await socket.written()
        socket.ended()
        assert wire.texts == []
        assert wire.codes == [4409]

    run(scenario)


def test_a_peer_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.01)

    async def scenario() -> None:
        async def endpoint() -> None:
            wire = Wire()
            socket = make(wire)
            wire.reading.clear()
            socket.offer("config.updated", notice(1))
            socket.close(Close.KEY_REFUSED)
            try:
                await asyncio.Event().wait()  # the peer's next message, which never comes
            finally:
                socket.ended()

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(endpoint())

    run(scenario)


def test_a_peer_that_is_gone_is_no_error() -> None:
    async def scenario() -> None:
        async def gone(message: Message) -> None:
            raise OSError

        socket = EdgeSocket(Peer(uuid4(), "acme-1", ACME, "k" * 12), gone, mark="m")
        socket.offer("config.updated", notice(1))
        await socket.written()
        socket.close(Close.RESTART)
        await socket.written()
        socket.ended()

    run(scenario)


def test_an_idle_socket_has_no_task() -> None:
    async def scenario() -> None:
        wire, before = Wire(), len(asyncio.all_tasks())
        opened = [make(wire) for _ in range(50)]
        for socket in opened:
            socket.offer("config.updated", notice(1))
        await asyncio.gather(*(socket.written() for socket in opened))
        assert len(asyncio.all_tasks()) == before

    run(scenario)


def test_a_key_that_ends_closes_and_a_prolonged_one_does_not() -> None:
    async def scenario() -> None:
        wire = Wire()
        ending, prolonged = make(wire), make(Wire())
        prolonged.expire_in(0.01)
        prolonged.expire_in(None)
        ending.expire_in(0.01)
        await wire.said_goodbye.wait()
        assert wire.codes == [4401]
        assert prolonged.closing is None
        ending.ended()

    run(scenario)


def test_an_edge_has_one_socket_in_the_registry() -> None:
    async def scenario() -> None:
        registry, edge_uid, wire = Registry(), uuid4(), Wire()
        older, newer, other = make(wire, edge_uid), make(Wire(), edge_uid), make(Wire(), None, UUID(int=2))
        for socket in (older, newer, other):
            registry.add(socket)
        await older.written()
        older.ended()
        assert wire.codes == [4409]
        assert registry.of_edge(edge_uid) is newer
        registry.remove(older)  # its endpoint returns later than the newer one came
        assert registry.of_organization(ACME) == [newer]
        assert len(registry) == 2
        for socket in (newer, other):
            registry.remove(socket)
        assert (len(registry), registry.organizations()) == (0, [])

    run(scenario)


@pytest.mark.parametrize(
    ("affected", "seconds"),
    [(0, 0), (1, 0), (500, 0), (501, 1), (5_000, 1), (5_001, 2), (10_000, 2), (10_001, 2), (1_000_000, 2)],
)
def test_many_edges_spread_their_fetches(affected: int, seconds: int) -> None:
    assert spread_seconds(affected) == seconds
