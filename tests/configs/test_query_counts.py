"""What publishing asks the database does not grow with the fleet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from configs import fetching, heartbeats, history
from edge_protocol.messages import Heartbeat
from edges import credentials, tenancy
from tests import build
from tests.configs.conftest import World

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"


@contextmanager
def counted() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as context:
        yield context


def statements(context: CaptureQueriesContext) -> list[str]:
    """Without what brackets them: savepoints, and the tenant's setting (twice in a test, once served)."""
    texts = [query["sql"] for query in context.captured_queries]
    return [text for text in texts if "SAVEPOINT" not in text and "set_config" not in text]


def asked(act: Callable[[], object]) -> int:
    with counted() as context:
        act()
    return len(statements(context))


def enlarge(world: World, edges: int) -> None:
    for number in range(edges):
        world.desk.add_edge(world.north, f"acme-more-{number}")


@pytest.mark.parametrize(
    "step",
    [
        ("organization/acme", "set", THRESHOLD),
        ("site/north", "set", THRESHOLD),
        ("edge/acme-north-1", "set", THRESHOLD),
    ],
)
def test_publishing_asks_as_much_for_two_edges_as_for_ten(world: World, step: tuple[str, ...]) -> None:
    world.desk.publish((*step, 45_000))
    few = asked(lambda: world.desk.publish((*step, 40_000)))
    enlarge(world, 8)
    many = asked(lambda: world.desk.publish((*step, 35_000)))
    assert many == few
    # Reading: organization; ledger, epoch and clock; the target; its layer; edges; registries; two sets of
    # bodies; shapes; blobs; locks. Writing: organization's lock; ledger; rule of approvals; its advance;
    # change set; revision; baseline; operations (2); their layers; pins; blobs; versions; heads;
    # the hints (2); notice.
    assert few <= 27


def test_a_selector_asks_as_much_for_two_edges_as_for_ten(world: World) -> None:
    def publish(value: int) -> object:
        return world.desk.publish(("edge/", "set", THRESHOLD, value), selector={"all": True})

    publish(45_000)
    few = asked(lambda: publish(40_000))
    enlarge(world, 8)
    publish(39_000)
    assert asked(lambda: publish(35_000)) == few


def test_a_fetch_is_one_read(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    edge, organization = world.north_edge.pk, world.organization.pk
    assert asked(lambda: fetching.full(edge, organization)) == 1
    assert asked(lambda: fetching.delta(edge, organization, since=2)) == 1
    assert asked(lambda: fetching.delta(edge, organization, since=1)) == 2  # and the blobs that differ
    assert asked(lambda: fetching.bundle(edge, organization, number=1)) == 2


def test_history_asks_the_same_however_long_it_is(world: World) -> None:
    edge = world.north_edge
    few = asked(lambda: history.effective(edge=edge))
    for value in range(5):
        world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000 + value))
    assert asked(lambda: history.effective(edge=edge)) == few <= 5
    with tenancy.scope([world.organization.pk]):
        rows = history.of_path(edge=edge, path=THRESHOLD)
        assert asked(lambda: [history.step(row) for row in rows]) == 1
    assert asked(lambda: history.difference(edge=edge, one=1, other=5)) == 3


def test_a_heartbeat_asks_little_and_the_same_however_large_the_fleet(world: World) -> None:
    _, text = build.make_key(world.north_edge)
    principal = credentials.authenticate_edge(text, now=build.NOW)

    def beat() -> int:
        # The status with its head, locked; its update; open requests; the newest root.
        return asked(
            lambda: heartbeats.receive(
                principal=principal,
                heartbeat=Heartbeat.from_dict({"running": {"version": 0, "digest": None}}),
                transport="http",
                now=build.NOW,
                signer=world.desk.signer,
            )
        )

    beat()
    assert beat() == 4
    enlarge(world, 5)
    assert beat() == 4
