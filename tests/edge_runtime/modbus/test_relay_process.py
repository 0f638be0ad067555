"""A simulated site with a relay board and a runtime, two processes: the board tells how its relays stand."""

import signal
from pathlib import Path

from tests.edge_runtime.modbus.processes import modbus_runtime, modbus_site, power, simulated_site
from tests.edge_runtime.plant import DEMO, Json, body, fixed

QUICK = {"core_cycle": {"period_ms": 100}}
FACE = {"profile": "relay_board_8", "host": "10.20.0.31"}
BOARD = {"kind": "relay", "modbus": FACE}
ENTRY = {
    "device_id": "relay_main",
    "profile": "relay_board_8",
    "connection": {"protocol": "tcp", "host": "10.20.0.31"},
}
DEVICES = {"modbus_devices": [*DEMO["modbus_devices"], ENTRY]}


def surplus(on_at: int, off_at: int) -> Json:
    """The heater's relay: on while the house gives at least so much away."""
    parameters = {
        "channel": "_sum/GridActivePower",
        "output": "relay_main/Relay3",
        "min_on_s": 0,
        "min_off_s": 0,
    }
    return {
        "id": "heater",
        "class": "ChannelThresholdController",
        "execution_order": 1,
        "parameters": {**parameters, "switch_on_at": on_at, "switch_off_at": off_at},
    }


def test_a_relay_follows_the_grid_and_is_off_when_its_controller_goes(tmp_path: Path) -> None:
    """3 kW of use, a battery that is told to give more or less: the grid's power passes the thresholds."""

    def on(state: Json) -> list[str]:
        return [name for name, is_on in state["relay_main"]["outputs"].items() if is_on]

    def with_battery(watts: int, *more: Json) -> Json:
        return {"scheduler": {"controllers": [fixed(watts), *more]}}

    heater = surplus(-1500, 500)
    with (
        simulated_site(tmp_path, modbus_site(relay_main=BOARD)) as site,
        modbus_runtime(tmp_path, body(1, **QUICK, **DEVICES, **with_battery(3000, heater)), site) as runtime,
    ):
        site.until(lambda state: power(state) == 3000)
        assert on(site.state()) == []
        runtime.offer(body(2, **QUICK, **DEVICES, **with_battery(5000, heater)))
        site.until(lambda state: on(state) == ["Relay3"])
        runtime.offer(body(3, **QUICK, **DEVICES, **with_battery(3000, heater)))
        count = runtime.until(lambda health: health["version"] == 3)["cycle"]["count"]
        runtime.until(lambda health: health["cycle"]["count"] > count + 5)
        assert on(site.state()) == ["Relay3"]  # between its thresholds it stays
        runtime.offer(body(4, **QUICK, **DEVICES, **with_battery(2000, heater)))
        site.until(lambda state: on(state) == [])
        runtime.offer(body(5, **QUICK, **DEVICES, **with_battery(5000, heater)))
        site.until(lambda state: on(state) == ["Relay3"])
        runtime.offer(body(6, **QUICK, **DEVICES, **with_battery(5000)))
        state = site.until(lambda state: on(state) == [])
        assert power(state) == 5000
        runtime.offer(body(7, **QUICK, **DEVICES, **with_battery(5000, heater)))
        site.until(lambda state: on(state) == ["Relay3"])
        runtime.process.send_signal(signal.SIGTERM)
        assert runtime.ends() == 0
        site.until(lambda state: on(state) == [] and power(state) == 0)
