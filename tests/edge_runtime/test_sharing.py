"""Several batteries behind one meter: what limits allow them together, and that one load is answered once."""

from pathlib import Path

import pytest

from edge_runtime.limits import LocalLimits
from tests.edge_runtime.plant import Bench, Json, bench, body, fixed, site

BALANCE: Json = {"class": "BalancingController", "parameters": {}}
SHAVE: Json = {
    "class": "PeakShavingController",
    "parameters": {"threshold_watts": 2000, "recharge_enabled": False},
}


def pair(
    tmp_path: Path,
    controller: Json,
    *,
    load: float = 0,
    limits: LocalLimits | None = None,
    grid: dict[str, int] | None = None,
    second: Json | None = None,
) -> Bench:
    """Two batteries of 5 kW, each with the same controller; `grid` limits the connection."""
    made = {**site(), "house": {"load_w": load, "pv_w": 0}}
    made["devices"]["bms_second"] = {**made["devices"]["bms_main"], "serial": "BMS-0002", **(second or {})}
    devices = body()["modbus_devices"]
    devices[0]["limits"] = grid or {}
    other = {**devices[1], "device_id": "bms_second"}
    other["connection"] = {**devices[1]["connection"], "unit_id": 2}
    both = [
        {
            **controller,
            "id": f"ctrl{order}",
            "execution_order": order,
            "parameters": {**controller["parameters"], "ess_id": ess},
        }
        for order, ess in enumerate(("bms_main", "bms_second"), start=1)
    ]
    plant = bench(tmp_path, made, limits)
    plant.load(body(modbus_devices=[*devices, other], scheduler={"controllers": both}))
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
    plant = pair(tmp_path, fixed(watts), load=load, grid=grid)
    seen = []
    for _ in range(5):
        plant.turn()
        seen.append(plant.power("meter_grid"))
    assert seen == [expected] * 5


def test_both_batteries_help_a_connection_that_is_overloaded_and_no_more_than_needed(tmp_path: Path) -> None:
    plant = pair(tmp_path, fixed(0), load=9000, grid={"max_import_w": 2000})
    plant.turn()
    assert plant.power("meter_grid") == 2000
    assert (plant.power("bms_main"), plant.power("bms_second")) == (5000, 2000)


def test_what_the_first_battery_takes_back_the_second_may_use(tmp_path: Path) -> None:
    plant = pair(tmp_path, fixed(3000), limits=LocalLimits(max_discharge_watts=4000))
    for _ in range(3):
        plant.turn()
        assert (plant.power("bms_main"), plant.power("bms_second")) == (3000, 1000)


@pytest.mark.parametrize(
    ("controller", "load", "settled"), [(BALANCE, 7000, 0), (BALANCE, 900, 0), (SHAVE, 9000, 2000)]
)
def test_two_batteries_answer_one_load_once(
    tmp_path: Path, controller: Json, load: float, settled: float
) -> None:
    plant = pair(tmp_path, controller, load=load)
    grids = []
    for _ in range(60):
        plant.turn()
        grids.append(plant.power("meter_grid"))
    assert min(grids) > settled - 0.15 * load  # never both the whole of it
    assert grids[-20:] == pytest.approx([settled] * 20, abs=60)


def test_the_second_battery_takes_over_what_the_first_can_no_longer_give(tmp_path: Path) -> None:
    plant = pair(tmp_path, BALANCE, load=3000, second={"initial_soc": 5})
    plant.turn(60)
    assert plant.power("bms_second") == 0
    assert plant.power("meter_grid") == pytest.approx(0, abs=60)
