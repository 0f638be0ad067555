"""From the cloud to the devices and back: changes while it runs, and plugs that are pulled."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def driving(watts: int, device_id: str = "bms_main") -> Json:
    one = fixed(watts)
    return {"controllers": [{**one, "parameters": {**one["parameters"], "ess_id": device_id}}]}


def test_changes_from_the_cloud_reach_the_devices_one_by_one(cloud: CloudSimulator, tmp_path: Path) -> None:
    """A threshold, a removed controller, a new device, an alarm rule, a profile; nothing else notices."""
    with running(tmp_path, cloud, version(**only("ctrlBalancing0"))) as (edge, site):
        boot = health(edge)["boot_id"]
        site.until(lambda state: abs(power(state, "meter_grid")) < 60)

        target = changed("scheduler", ("controllers", 2, "parameters", "target_grid_power"), 1000)
        scheduler = {"controllers": target["scheduler"]["controllers"][2:]}
        cloud.publish(version(scheduler=scheduler))
        site.until(lambda state: abs(power(state, "meter_grid") - 1000) < 60)

        cloud.publish(version(scheduler={"controllers": []}))
        site.until(lambda state: power(state) == 0)

        devices = [*DEMO["modbus_devices"], SECOND]
        driven = {"modbus_devices": devices, "scheduler": driving(-700, "bms_second")}
        cloud.publish(version(**driven))
        site.until(lambda state: power(state, "bms_second") == -700 and power(state) == 0)
        cloud.wait_status(4, "confirmed", within_s=START_S)

        driven["alarms"] = [{**DEMO["alarms"][0], "threshold": 90}]
        cloud.publish(version(**driven))
        cloud.wait_status(5, "confirmed", within_s=START_S)
        told = health(edge)
        assert [one["id"] for one in told["alarms"]] == ["alarm_soc_low"]
        assert told["reloaded"] == ["alarms"]
        assert power(site.state(), "bms_second") == -700

        inverted = version(**driven)
        _invert(inverted["profiles"]["sunspec_storage"])
        cloud.publish(inverted)
        site.until(lambda state: power(state, "bms_second") == 700)
        cloud.wait_status(6, "confirmed", within_s=START_S)
        assert health(edge)["boot_id"] == boot
        assert site.state()["bms_second"]["reversions"] == 0


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
