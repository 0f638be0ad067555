"""Several batteries behind one meter: what limits allow them together, from the first turn on."""

from pathlib import Path

import pytest

from edge_runtime.limits import LocalLimits
from tests.edge_runtime.plant import Bench, Json, bench, body, fixed, site


def pair(
    tmp_path: Path, watts: int, *, load: float = 0, limits: LocalLimits | None = None, **grid: int
) -> Bench:
    """Two batteries of 5 kW, each told to give `watts` (charge: negative); `grid` limits the connection."""
    made = {**site(), "house": {"load_w": load, "pv_w": 0}}
    made["devices"]["bms_second"] = {**made["devices"]["bms_main"], "serial": "BMS-0002"}
    devices = body()["modbus_devices"]
    devices[0]["limits"] = grid
    second = {**devices[1], "device_id": "bms_second"}
    second["connection"] = {**devices[1]["connection"], "unit_id": 2}
    both: list[Json] = []
    for order, ess in enumerate(("bms_main", "bms_second"), start=1):
        entry = fixed(watts, order)
        both.append({**entry, "id": f"ctrlFix{order}", "parameters": {**entry["parameters"], "ess_id": ess}})
    plant = bench(tmp_path, made, limits)
    plant.load(body(modbus_devices=[*devices, second], scheduler={"controllers": both}))
    return plant


@pytest.mark.parametrize(
    ("watts", "load", "grid", "expected"),
    [
        (3000, 0, {"max_export_w": 1000}, -1000),
        (3000, 2000, {"max_export_w": 1000}, -1000),
        (-3000, 1000, {"max_import_w": 4500}, 4500),
        (-3000, 0, {"max_import_w": 9000}, 6000),  # nothing to limit
    ],
)
def test_the_connection_s_limit_holds_for_all_batteries_in_the_same_turn(
    tmp_path: Path, watts: int, load: float, grid: dict[str, int], expected: float
) -> None:
    plant = pair(tmp_path, watts, load=load, **grid)
    seen = []
    for _ in range(5):
        plant.turn()
        seen.append(plant.power("meter_grid"))
    assert seen == [expected] * 5


def test_both_batteries_help_a_connection_that_is_overloaded_and_no_more_than_needed(tmp_path: Path) -> None:
    plant = pair(tmp_path, 0, load=9000, max_import_w=2000)
    plant.turn()
    assert plant.power("meter_grid") == 2000
    assert (plant.power("bms_main"), plant.power("bms_second")) == (5000, 2000)


def test_what_the_first_battery_takes_back_the_second_may_use(tmp_path: Path) -> None:
    plant = pair(tmp_path, 3000, limits=LocalLimits(max_discharge_watts=4000))
    for _ in range(3):
        plant.turn()
        assert (plant.power("bms_main"), plant.power("bms_second")) == (3000, 1000)
