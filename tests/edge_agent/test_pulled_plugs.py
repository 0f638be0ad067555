"""Whichever plug is pulled, no set-point outlives its reversion time, and whoever returns is driven again.

A real agent, the real runtime, simulated Modbus devices behind cables of ours; asserted by the devices.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge
from tests.edge_agent.modbus_edge import modbus_edge
from tests.edge_agent.test_live_walk import PERIOD_MS, START_S, driving, health, took, version
from tests.edge_runtime.modbus.cable import Cable
from tests.edge_runtime.modbus.processes import (
    SiteProcess,
    modbus_site,
    power,
    simulated_site,
    with_reversion,
)
from tests.edge_runtime.plant import Json, device

REVERSION_S = 2
WATTS, OTHER_WATTS = 2000, -500
BATTERY, METER = "10.20.0.11:502", "10.20.0.10:502"


def driven(watts: int, **changes: Json | list[Json]) -> Json:
    return with_reversion(version(scheduler=driving(watts), **changes), REVERSION_S)


@dataclass
class Plant:
    """A site whose devices hang on cables, and the edge before them."""

    edge: Edge
    site: SiteProcess
    cables: Mapping[str, Cable]

    def drives(self, watts: int) -> Json:
        return self.site.until(lambda state: power(state) == watts)

    def says(self, wanted: Callable[[Json], bool]) -> Json:
        self.site.until(lambda _: wanted(health(self.edge)))
        return health(self.edge)


@contextmanager
def on_cables(site: SiteProcess) -> Iterator[dict[str, Cable]]:
    """The runtime is to dial the cables, not the devices."""
    ends = json.loads(site.map.read_text())
    cables = {end: Cable(port_of(address)) for end, address in ends.items()}
    site.map.write_text(json.dumps({end: f"127.0.0.1:{cable.port}" for end, cable in cables.items()}))
    try:
        yield cables
    finally:
        for cable in cables.values():
            cable.pull()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.fixture
def plant(cloud: CloudSimulator, tmp_path: Path) -> Iterator[Plant]:
    """The battery is discharged by version 1, which is confirmed."""
    with ExitStack() as stack:
        site = stack.enter_context(simulated_site(tmp_path, modbus_site()))
        cables = stack.enter_context(on_cables(site))
        edge = modbus_edge(tmp_path, cloud, site)
        stack.callback(edge.close)
        edge.enroll()
        cloud.publish(driven(WATTS, **device("bms_main", expect_serial="BMS-0001")))
        edge.start()
        cloud.wait_status(1, "confirmed", within_s=START_S)
        made = Plant(edge, site, cables)
        made.drives(WATTS)
        yield made


@pytest.mark.parametrize("way", ["pull", pytest.param("silence", marks=pytest.mark.slow)])
def test_a_battery_whose_cable_fails_stops_and_is_driven_again_after(plant: Plant, way: str) -> None:
    getattr(plant.cables[BATTERY], way)()
    state = plant.drives(0)
    assert state["bms_main"]["reversions"] == 1
    told = plant.says(lambda told: told["devices"]["bms_main"].get("code") == "silent")
    assert told["devices"]["meter_grid"]["ok"]
    assert state["meter_grid"]["connections"] == 1

    plant.cables[BATTERY].mend()
    plant.drives(WATTS)
    plant.says(lambda told: told["devices"]["bms_main"]["ok"])
    assert plant.edge.cloud.known()["running"]["version"] == 1


@contextmanager
def another_site(tmp_path: Path, plant: Plant, **devices: Json) -> Iterator[SiteProcess]:
    """Power off, and on again: what stands there has forgotten every set-point."""
    plant.site.process.terminate()
    plant.site.process.wait()
    folder = tmp_path / "again"
    folder.mkdir()
    with simulated_site(folder, modbus_site(**devices)) as site:
        for end, address in json.loads(site.map.read_text()).items():
            plant.cables[end].device_port = port_of(address)
        yield site


@pytest.mark.slow
def test_a_battery_that_was_restarted_is_driven_again(plant: Plant, tmp_path: Path) -> None:
    with another_site(tmp_path, plant) as site:
        site.until(lambda state: power(state) == WATTS)
        assert [watts for watts, _ in site.state()["bms_main"]["followed"]] == [0, WATTS]


@pytest.mark.slow
def test_another_battery_in_its_place_is_never_written(plant: Plant, tmp_path: Path) -> None:
    with another_site(tmp_path, plant, bms_main={"serial": "SOMEBODY-ELSES"}) as site:
        site.until(lambda _: health(plant.edge)["devices"]["bms_main"].get("code") == "identity")
        begun = health(plant.edge)["cycle"]["count"]
        site.until(lambda _: health(plant.edge)["cycle"]["count"] > begun + 10)
        state = site.state()
        assert (state["bms_main"]["writes"], power(state)) == (0, 0)
        assert state["bms_main"]["reads"] > 0
        assert health(plant.edge)["controllers"]["ctrlFix0"]["state"] == "init_failed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["before:applying", "after:applying", "after:document", "before:probation", "before:committed"]
)
def test_a_power_cut_on_the_way_to_a_version_leaves_no_set_point(
    plant: Plant, cloud: CloudSimulator, point: str
) -> None:
    plant.edge.stop()
    plant.edge.start(fault=point)
    cloud.publish(driven(OTHER_WATTS))
    assert plant.edge.wait_end() == -signal.SIGKILL
    plant.edge.kill_runtime()
    plant.drives(0)

    plant.edge.start()
    cloud.wait_status(2, "confirmed", "rolled_back", within_s=START_S)
    state = plant.site.until(lambda state: power(state) in (WATTS, OTHER_WATTS))
    assert state["bms_main"]["reversions"] >= 1
    assert {watts for watts, _ in state["bms_main"]["followed"]} <= {0, WATTS, OTHER_WATTS}


@pytest.mark.slow
def test_a_runtime_that_dies_in_probation_is_followed_by_the_version_before(
    plant: Plant, cloud: CloudSimulator
) -> None:
    cloud.publish(driven(OTHER_WATTS))
    took(plant.edge, plant.site, 2)
    plant.drives(OTHER_WATTS)
    pid = plant.edge.runtime_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    beat = cloud.wait_status(2, "rolled_back", within_s=START_S)
    assert beat["last_attempt"]["code"] == "process_exited"
    plant.drives(WATTS)


@pytest.mark.slow
def test_the_cloud_out_of_reach_stops_nothing(plant: Plant, cloud: CloudSimulator) -> None:
    cloud.publish(driven(OTHER_WATTS))
    took(plant.edge, plant.site, 2)
    cloud.lies.offline = True
    plant.drives(OTHER_WATTS)
    begun = health(plant.edge)["cycle"]["count"]
    plant.says(lambda told: told["cycle"]["count"] > begun + 4 * 1000 // PERIOD_MS)
    assert power(plant.site.state()) == OTHER_WATTS
    cloud.lies.offline = False
    cloud.wait_status(2, "confirmed", within_s=START_S)
