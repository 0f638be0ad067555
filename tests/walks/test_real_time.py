"""Flow 2 of the specification: a notice over the WebSocket, a delta, applied, reported."""

from ems.demo.operator import wait_until
from ems.demo.story import DEADBAND, operation, running, settled
from ems.demo.world import World
from tests.walks.conftest import steps_until_confirmed

EDGE = "acme-north-1"


def test_a_notice_brings_the_changed_section_alone_and_the_edge_acknowledges_it(world: World) -> None:
    operator = world.operator("acme")
    world.enroll_agent(EDGE)
    world.start_agent(EDGE)
    wait_until("the first version is confirmed", lambda: settled(operator, EDGE), 60)
    wait_until("it has a socket", lambda: operator.status(EDGE)["transport"] == "websocket", 30)
    first = running(operator, EDGE)
    sizes_before = operator.status(EDGE)["sync"]["polls_ok"]

    answer = operator.change("acme", "Balance later", [operation(DEADBAND, 90, "organization", "acme")])
    wait_until(
        "the change is confirmed", lambda: running(operator, EDGE) > first and settled(operator, EDGE), 60
    )

    affected = {one["edge_id"]: one for one in answer["affected"]}
    assert affected[EDGE]["changed_sections"] == ["scheduler"]
    status = operator.status(EDGE)
    assert status["running"]["version"] == first + 1
    assert status["sync"]["polls_ok"] > sizes_before
    health = status["health"]
    assert all(component["ok"] for component in health.values()), health
    assert steps_until_confirmed(world, EDGE, first + 1) == ["applying", "applied", "confirmed"]
