"""Two real server processes behind one address are one server to the edges."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.test import Client

from edges import keys, tenancy
from tests.configs.conftest import make_world
from tests.databases import Database
from tests.processes import ServerProcess
from tests.sync_api.balancer import balanced
from tests.sync_api.conftest import Asker, Published, make_asker
from tests.sync_api.edge_sockets import EdgeEnd
from tests.sync_api.servers import Answer, ask, lane_counts

LIMIT = 60


@dataclass
class Pair:
    servers: tuple[ServerProcess, ServerProcess]
    port: int
    published: Published
    askers: tuple[Asker, Asker]

    def poll(self, asker: Asker, *, tag: str = "*", **fields: str) -> Answer:
        headers = [("X-API-Key", asker.text), ("If-None-Match", tag), *fields.items()]
        return ask(self.port, asker.path("config"), headers)

    def polls(self, asker: Asker, count: int) -> list[int]:
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda _: self.poll(asker).status, range(count)))


@pytest.fixture
def pair(committed: Database, live_server_process: Callable[..., ServerProcess]) -> Iterator[Pair]:
    world = make_world()
    askers = make_asker(Client(), world.north_edge), make_asker(Client(), world.south_edge)
    limits = f'{{"edge_key": [{LIMIT}, 0.01, 7, 30], "failed": [10, 0.01, 1, 0]}}'
    one, two = (live_server_process(committed, EMS_LIMITS=limits) for _ in range(2))
    with balanced([one.port, two.port]) as port:
        yield Pair((one, two), port, Published(world, askers[0]), askers)


def test_a_limit_holds_across_both(pair: Pair) -> None:
    statuses = pair.polls(pair.askers[0], 2 * LIMIT)
    assert set(statuses) == {304, 429}
    # Never above it; below it by no more than what a process may hold unspent.
    assert LIMIT - 2 * 7 <= statuses.count(304) <= LIMIT
    assert all(lane_counts(server)["304"] > 0 for server in pair.servers)
    assert pair.poll(pair.askers[1]).status == 304


def test_failed_attempts_are_counted_across_both(pair: Pair) -> None:
    stranger = Asker(Client(), pair.askers[0].edge, pair.askers[0].key, "emse_nonsense")
    statuses = [pair.poll(stranger).status for _ in range(16)]
    assert statuses == [401] * 10 + [429] * 6


def test_a_revoked_key_is_refused_by_both_at_once(pair: Pair) -> None:
    asker = pair.askers[0]
    assert pair.polls(asker, 4) == [304] * 4
    with tenancy.scope([asker.edge.organization_id]):
        keys.revoke(
            edge=asker.edge,
            key_id=asker.key.key_id,
            by="alice",
            reason="lost",
            cut_off=True,
            now=datetime.now(UTC),
        )
    assert [pair.poll(asker).status for _ in range(4)] == [401] * 4


def test_edges_on_either_are_told_through_one_address(pair: Pair) -> None:
    address = ServerProcess(pair.servers[0].process, pair.port, pair.servers[0].log)
    with EdgeEnd(address, pair.askers[0]) as north, EdgeEnd(address, pair.askers[1]) as south:
        for edge in (north, south):
            assert edge.hear_of("hello")["version"] == 1
        for server in pair.servers:
            sockets = [line for line in metrics(server) if line.startswith("ems_sockets ")]
            assert sockets == ["ems_sockets 1"]
        pair.published.threshold(40_000)
        for edge in (north, south):
            assert edge.hear_of("config.updated")["version"] == 2


def metrics(server: ServerProcess) -> list[str]:
    return ask(server, "/metrics").body.decode().splitlines()


def test_what_one_process_publishes_the_other_answers_with(pair: Pair) -> None:
    tag = pair.published.head.etag
    assert {pair.poll(pair.askers[0], tag=tag).status for _ in range(2)} == {304}
    pair.published.threshold(40_000)
    assert {pair.poll(pair.askers[0], tag=tag).status for _ in range(4)} == {200}
