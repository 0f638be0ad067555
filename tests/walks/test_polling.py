"""Flow 1 of the specification: an edge that only polls; 304, then validate, stage, apply, report."""

from ems.demo.operator import wait_until
from ems.demo.story import DEADBAND, operation, running, settled
from ems.demo.world import World
from tests.walks.conftest import steps_until_confirmed

EDGE = "acme-south-1"


def test_a_polling_edge_is_answered_304_until_a_change_which_it_verifies_applies_and_reports(
    world: World,
) -> None:
    operator = world.operator("acme")
    world.enroll_agent(EDGE)
    world.links[EDGE].refuse_sockets()
    world.start_agent(EDGE)
    wait_until("the first version is confirmed", lambda: settled(operator, EDGE), 60)
    first = running(operator, EDGE)
    asked = operator.status(EDGE)["sync"]["polls_ok"]

    world.processes.run(
        "sync", ["-m", "edge_agent", "--data", str(world.edge_directory(EDGE)), "sync", "now"], {}
    )
    wait_until("a poll was answered", lambda: operator.status(EDGE)["sync"]["polls_ok"] > asked, 60)
    assert running(operator, EDGE) == first

    operator.change("acme", "A wider deadband", [operation(DEADBAND, 80, "organization", "acme")])
    wait_until(
        "the change is confirmed", lambda: running(operator, EDGE) > first and settled(operator, EDGE), 60
    )

    status = operator.status(EDGE)
    assert status["running"]["version"] == first + 1
    assert status["running"]["digest"] == status["desired"]["digest"]
    assert steps_until_confirmed(world, EDGE, first + 1) == ["applying", "applied", "confirmed"]
