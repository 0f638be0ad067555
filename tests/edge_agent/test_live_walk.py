"""From the cloud to the devices and back: changes while it runs, and plugs that are pulled."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import pytest

from edge_protocol import schema
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge
from tests.edge_agent.modbus_edge import modbus_edge, sections
from tests.edge_runtime.modbus.processes import (
    EXAMPLE,
    SiteProcess,
    modbus_site,
    power,
    simulated_site,
    with_reversion,
)
from tests.edge_runtime.plant import DEMO, Json, changed, device, fixed, only

PERIOD_MS = 200
SYNC = {"sync_interval_s": 30, "heartbeat_interval_s": 10, "probation_s": 2}
START_S = 40.0
# A cycle asks each of these devices once or twice, for its fast points and for a slow block, and begins when
# the one before has its answers: whoever is asked first in one and last in the next waits for two cycles'
# worth, however loaded the machine. Whoever loses two turns waits for three cycles' worth and more.
MOST_BETWEEN_TWO_READS = 4
SECOND = {
    "device_id": "bms_second",
    "profile": "sunspec_storage",
    "connection": {"protocol": "tcp", "host": "10.20.0.21", "port": 502, "unit_id": 1},
}


def version(**changes: Json | list[Json]) -> Json:
    made = sections(PERIOD_MS, **{"sync": SYNC, **changes})
    assert not schema.check(made)
    return made


MOVED_TO = "10.20.0.31"


def on_site() -> Json:
    """Beside the example's battery one of another make, and one like it at another address."""
    main = EXAMPLE["devices"]["bms_main"]
    second = {**main, "serial": "BMS-0002"}
    second["modbus"] = {"profile": "sunspec_storage", "host": "10.20.0.21", "base_address": 50000}
    moved = {**main, "serial": "BMS-0003", "modbus": {**main["modbus"], "host": MOVED_TO}}
    return modbus_site(bms_second=second, bms_moved=moved)


@contextmanager
def running(tmp_path: Path, cloud: CloudSimulator, first: Json) -> Iterator[tuple[Edge, SiteProcess]]:
    """An enrolled edge that confirmed its first version."""
    with simulated_site(tmp_path, on_site()) as site:
        edge = modbus_edge(tmp_path, cloud, site)
        try:
            edge.enroll()
            cloud.publish(first)
            edge.start()
            cloud.wait_status(1, "confirmed", within_s=START_S)
            yield edge, site
        finally:
            edge.close()


def health(edge: Edge) -> Json:
    return dict(json.loads((edge.runtime / "health.json").read_bytes()))


def took(edge: Edge, site: SiteProcess, number: int) -> Json:
    """The health of the runtime with this version, which began in the cycle after the one it came in."""
    site.until(lambda _: health(edge)["version"] == number)
    told = health(edge)
    came = told["loaded"]["offered_in_cycle"]
    assert told["loaded"] == {"version": number, "offered_in_cycle": came, "in_cycle": came + 1}
    return told


def driving(watts: int, device_id: str = "bms_main") -> Json:
    one = fixed(watts)
    return {"controllers": [{**one, "parameters": {**one["parameters"], "ess_id": device_id}}]}


@pytest.mark.slow
def test_changes_from_the_cloud_reach_the_devices_one_by_one(cloud: CloudSimulator, tmp_path: Path) -> None:
    """A threshold, a removed controller, a new device, an alarm rule, a profile; nothing else notices."""
    with running(tmp_path, cloud, version(**only("ctrlBalancing0"))) as (edge, site):
        boot = health(edge)["boot_id"]
        site.until(lambda state: abs(power(state, "meter_grid")) < 60)

        target = changed("scheduler", ("controllers", 2, "parameters", "target_grid_power"), 1000)
        scheduler = {"controllers": target["scheduler"]["controllers"][2:]}
        cloud.publish(version(scheduler=scheduler))
        took(edge, site, 2)
        site.until(lambda state: abs(power(state, "meter_grid") - 1000) < 60)

        cloud.publish(version(scheduler={"controllers": []}))
        took(edge, site, 3)
        site.until(lambda state: power(state) == 0)

        devices = [*DEMO["modbus_devices"], SECOND]
        driven = {"modbus_devices": devices, "scheduler": driving(-700, "bms_second")}
        cloud.publish(version(**driven))
        took(edge, site, 4)
        site.until(lambda state: power(state, "bms_second") == -700 and power(state) == 0)
        cloud.wait_status(4, "confirmed", within_s=START_S)

        driven["alarms"] = [{**DEMO["alarms"][0], "threshold": 90}]
        cloud.publish(version(**driven))
        told = took(edge, site, 5)
        assert [one["id"] for one in told["alarms"]] == ["alarm_soc_low"]
        assert told["reloaded"] == ["alarms"]
        assert power(site.state(), "bms_second") == -700

        inverted = version(**driven)
        inverted["profiles"] = deepcopy(inverted["profiles"])  # those that ship are everybody's
        _invert(inverted["profiles"]["sunspec_storage"])
        cloud.publish(inverted)
        took(edge, site, 6)
        site.until(lambda state: power(state, "bms_second") == 700)
        cloud.wait_status(6, "confirmed", within_s=START_S)
        assert health(edge)["boot_id"] == boot
        assert site.state()["bms_second"]["reversions"] == 0


RAMP_W_PER_S = 40
STEP_W = RAMP_W_PER_S * PERIOD_MS // 1000
NEIGHBOURS = ("bms_main", "meter_grid", "inverter_pv")


def ramping(
    watts: int, controllers: list[Json], *, devices: list[Json] | None = None, **more: Json | list[Json]
) -> Json:
    """The example's battery climbs from what it was sent last, a small step a cycle."""
    own = device("bms_main", limits={"ramp_w_per_s": RAMP_W_PER_S})["modbus_devices"]
    main = fixed(watts)
    main["parameters"]["ess_id"] = "bms_main"
    return version(
        scheduler={"controllers": [main, *controllers]}, modbus_devices=[*own, *(devices or [])], **more
    )


def beside(watts: int) -> Json:
    one = fixed(watts, order=10)
    return {**one, "id": "ctrlFix1", "parameters": {"power_watts": watts, "ess_id": "bms_second"}}


def all_answer(told: Json) -> bool:
    return all(told["devices"][name]["ok"] for name in NEIGHBOURS)


def read_on(site: SiteProcess) -> Json:
    """The state in which every neighbour has been asked through some cycles more."""
    begun = site.state()

    def was_asked(state: Json, name: str) -> bool:
        return int(state[name]["reads"] - begun[name]["reads"]) >= MOST_BETWEEN_TWO_READS

    return site.until(lambda state: all(was_asked(state, name) for name in NEIGHBOURS))


def most_between_two_reads(before: Json, state: Json) -> int:
    """Of one neighbour between two of another, since the state `before`: when a device is met for the first
    time it is asked many things in a row, and the others may be met later."""
    newest = {name: state[name]["reads"] - before[name]["reads"] for name in NEIGHBOURS}
    waits = [wait for name in NEIGHBOURS for wait in state[name]["waits"][::-1][: newest[name]]]
    return max(wait.get(other, 0) for wait in waits for other in NEIGHBOURS)


@pytest.mark.slow
def test_what_changes_beside_them_disturbs_neither_devices_nor_controllers(
    cloud: CloudSimulator, tmp_path: Path
) -> None:
    """Asserted by the devices: who connected anew, who waited for a turn, which steps a ramp took."""
    alarms = [{**DEMO["alarms"][0], "threshold": 90}]
    with running(tmp_path, cloud, ramping(0, [])) as (edge, site):
        cloud.publish(ramping(3000, []))
        took(edge, site, 2)
        before = first = site.until(
            lambda state: len(state["bms_main"]["followed"]) > 2 and all_answer(health(edge))
        )
        for number, document in enumerate(
            (
                ramping(3000, [beside(-700)], devices=[SECOND]),
                ramping(3000, [beside(900)], devices=[SECOND]),
                ramping(3000, [beside(900)], devices=[SECOND], alarms=alarms),
                ramping(3000, [], devices=[SECOND], alarms=alarms),
                ramping(3000, [], alarms=alarms),
            ),
            start=3,
        ):
            cloud.publish(document)
            took(edge, site, number)
            state = read_on(site)
            assert most_between_two_reads(before, state) <= MOST_BETWEEN_TWO_READS, number
            before = state
        site.until(lambda state: state["bms_second"]["followed"][-1][0] == 0)
        state = read_on(site)
        assert most_between_two_reads(before, state) <= MOST_BETWEEN_TWO_READS
        assert [watts for watts, _ in state["bms_second"]["followed"]] == [0, -700, 900, 0]
        for name in NEIGHBOURS:
            assert state[name]["connections"] == first[name]["connections"] == 1, name
            assert health(edge)["devices"][name]["errors"] == 0
        climbed = [watts for watts, _ in state["bms_main"]["followed"]]
        assert {higher - lower for lower, higher in pairwise(climbed)} == {STEP_W}
        assert state["bms_main"]["reversions"] == 0


@pytest.mark.slow
def test_a_battery_that_is_moved_or_removed_is_left_safe_where_it_was(
    cloud: CloudSimulator, tmp_path: Path
) -> None:
    """Written, not waited for: no reversion timer had to end."""
    with running(tmp_path, cloud, version(scheduler=driving(2000))) as (_, site):
        site.until(lambda state: power(state) == 2000)

        cloud.publish(version(scheduler=driving(2000), **device("bms_main", connection={"host": MOVED_TO})))
        site.until(lambda state: power(state) == 0 and power(state, "bms_moved") == 2000)

        without = [one for one in DEMO["modbus_devices"] if one["device_id"] != "bms_main"]
        cloud.publish(version(scheduler={"controllers": []}, modbus_devices=without, alarms=[]))
        state = site.until(lambda state: power(state, "bms_moved") == 0)
        cloud.wait_status(3, "confirmed", within_s=START_S)
        assert (state["bms_main"]["reversions"], state["bms_moved"]["reversions"]) == (0, 0)


def _invert(profile: Json) -> None:
    for point in profile["points"]:
        if point["name"] in ("SetActivePower", "ActivePower"):
            point["invert"] = True


@pytest.mark.slow
def test_a_power_cut_of_the_whole_edge_leaves_no_set_point(cloud: CloudSimulator, tmp_path: Path) -> None:
    first = with_reversion(version(scheduler=driving(2000)), 2)
    with running(tmp_path, cloud, first) as (edge, site):
        site.until(lambda state: power(state) == 2000)
        _cut(edge)
        state = site.until(lambda state: power(state) == 0)
        assert state["bms_main"]["reversions"] == 1

        edge.start()
        site.until(lambda state: power(state) == 2000)


def _cut(edge: Edge) -> None:
    pid = edge.runtime_pid()
    assert pid is not None
    assert edge.agent is not None
    for process in (edge.agent.pid, pid):
        os.kill(process, signal.SIGKILL)
    edge.agent.wait()


@pytest.mark.slow
def test_a_killed_agent_leaves_the_plant_driven_and_takes_it_over_again(
    cloud: CloudSimulator, tmp_path: Path
) -> None:
    first = with_reversion(version(scheduler=driving(2000)), 2)
    with running(tmp_path, cloud, first) as (edge, site):
        site.until(lambda state: power(state) == 2000)
        edge.kill()
        begun = health(edge)["cycle"]["count"]
        # Longer than the reversion time, in cycles: the set-point is renewed all the while.
        _until_cycle(edge, site, begun + 4 * 1000 // PERIOD_MS)
        state = site.state()
        assert (power(state), state["bms_main"]["reversions"]) == (2000, 0)

        edge.start()
        cloud.publish(with_reversion(version(scheduler=driving(-500)), 2))
        site.until(lambda state: power(state) == -500)
        cloud.wait_status(2, "confirmed", within_s=START_S)


def _until_cycle(edge: Edge, site: SiteProcess, number: int) -> None:
    site.until(lambda _: health(edge)["cycle"]["count"] >= number)
