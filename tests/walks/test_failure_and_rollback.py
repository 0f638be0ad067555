"""Flow 3 of the specification: the controllers cannot start, the edge goes back, the operator is told."""

import json

import pytest

from ems.demo.operator import wait_until
from ems.demo.story import DEADBAND, operation, running, settled
from ems.demo.world import World

BROKEN, SOUND = "acme-north-1", "acme-north-2"
SERIAL = "/modbus_devices/bms_main/expect_serial"


def break_serial(world: World, serial: str) -> None:
    world.operator("acme").change("acme", "Pin the serial", [operation(SERIAL, serial, "edge", BROKEN)])


def rolled_back(world: World, version: int) -> bool:
    attempt = world.operator("acme").status(BROKEN)["last_attempt"] or {}
    return attempt.get("version") == version and attempt.get("status") == "rolled_back"


def desired(world: World, edge: str) -> int:
    return int(world.operator("acme").status(edge)["desired"]["version"])


def start(world: World) -> int:
    """Both edges of the northern site on their first version; answers that version."""
    for edge in (BROKEN, SOUND):
        world.enroll_agent(edge)
        world.start_agent(edge)
    operator = world.operator("acme")
    wait_until("both run", lambda: all(settled(operator, edge) for edge in (BROKEN, SOUND)), 60)
    return running(operator, BROKEN)


def test_a_crashing_change_undoes_itself_on_its_edge_alone_and_does_not_come_back(world: World) -> None:
    operator = world.operator("acme")
    good = start(world)

    break_serial(world, "BMS-0000-WRONG")
    bad = desired(world, BROKEN)
    wait_until("it rolled back", lambda: rolled_back(world, bad), 90)
    attempt = operator.status(BROKEN)["last_attempt"]
    assert "controller init failed" in attempt["detail"]
    assert running(operator, BROKEN) == good
    assert operator.status(SOUND)["last_attempt"]["status"] != "rolled_back"

    # An unrelated change goes to the others at once, and to the broken edge without the crash.
    answer = operator.change("acme", "Unrelated", [operation(DEADBAND, 70, "organization", "acme")])
    wait_until("the others run it", lambda: settled(operator, SOUND), 60)
    assert SOUND in {one["edge_id"] for one in answer["affected"]}
    why = {one["edge_id"]: one["why"] for one in answer["unaffected"]}
    assert why[BROKEN] == "quarantined"
    assert running(operator, BROKEN) == good

    # A fix goes through at once and carries the unrelated change with it.
    break_serial(world, f"BMS-{BROKEN}")
    fixed = desired(world, BROKEN)
    assert fixed > bad
    wait_until("the fix runs", lambda: running(operator, BROKEN) == fixed and settled(operator, BROKEN), 60)
    document = operator.must("GET", f"/edges/{BROKEN}/effective")["document"]
    balancing = document["scheduler"]["controllers"][-1]
    assert balancing["parameters"]["deadband_watts"] == 70


@pytest.mark.slow
def test_a_retry_offers_refused_content_again_after_the_cause_is_gone(world: World) -> None:
    operator = world.operator("acme")
    start(world)
    break_serial(world, "BMS-REPLACED")
    bad = desired(world, BROKEN)
    wait_until("it rolled back", lambda: rolled_back(world, bad), 90)

    # The technician has put in the battery that the document expects.
    site = world.edge_directory(BROKEN) / "site.json"
    body = json.loads(site.read_text())
    body["devices"]["bms_main"]["serial"] = "BMS-REPLACED"
    site.write_text(json.dumps(body))
    world.processes.stop(BROKEN)
    world.start_agent(BROKEN)
    operator.must("POST", f"/edges/{BROKEN}/retry", {"reason": "battery replaced"})

    again = desired(world, BROKEN)
    assert again > bad
    wait_until(
        "the content runs", lambda: running(operator, BROKEN) == again and settled(operator, BROKEN), 60
    )
