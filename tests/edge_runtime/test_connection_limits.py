"""The limits of the grid connection, also where its meter or the battery's power is unknown, or not alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from edge_runtime.core import Core
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from tests.edge_runtime.plant import Bench, Json, bench, body, device, fixed, site
from tests.edge_runtime.test_commissioning import expecting, of, walked
from tests.edge_runtime.wrapped import Wrapped

LOCAL = LocalLimits(max_import_watts=4000, max_export_watts=500)
SECOND_METER = {"meter_second": {"kind": "grid_meter", "serial": "MTR-0002"}}


def without_meter() -> Json:
    devices = device("meter_grid", enabled=False)["modbus_devices"]
    return {"modbus_devices": devices}


def with_second_meter(second: Json | None = None, **first: Json) -> Json:
    devices = device("meter_grid", **first)["modbus_devices"]
    connection = {**devices[0]["connection"], "unit_id": 7}
    other = {**devices[0], "device_id": "meter_second", "connection": connection, "limits": second or {}}
    return {"modbus_devices": [*devices, other]}


def run(
    tmp_path: Path, devices: Json, *controllers: Json, limits: LocalLimits = LOCAL, **house: Json
) -> tuple[Bench, Json]:
    made = site(**house)
    made["devices"] |= SECOND_METER
    plant = bench(tmp_path, made, limits)
    plant.load(body(**devices, scheduler={"controllers": list(controllers)}, alarms=[]))
    return plant, plant.turn(3)


@pytest.mark.parametrize("watts", [5000, -5000])
def test_without_a_meter_a_limited_connection_leaves_the_battery_at_rest(tmp_path: Path, watts: int) -> None:
    plant, health = run(tmp_path, without_meter(), fixed(watts))
    assert plant.power() == 0
    assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]
    assert "grid_undefined" in health["alarms"][0]["message"]


def test_without_a_meter_and_without_limits_the_battery_is_driven(tmp_path: Path) -> None:
    plant, health = run(tmp_path, without_meter(), fixed(5000), limits=LocalLimits())
    assert plant.power() == 5000
    assert health["alarms"] == []


@pytest.mark.parametrize(("watts", "expected"), [(5000, 3500), (-5000, -1000)])
def test_with_two_meters_and_none_named_each_of_them_limits(
    tmp_path: Path, watts: int, expected: int
) -> None:
    """The house draws 3,000 W: 3,500 W of discharge export 500 W, 1,000 W of charge import 4,000 W."""
    plant, health = run(tmp_path, with_second_meter(), fixed(watts))
    assert plant.power() == expected
    assert health["alarms"] == []


@pytest.mark.parametrize("second", [{"max_export_w": 200}, {}])
def test_a_document_s_limit_on_the_second_meter_counts_as_well(tmp_path: Path, second: Json) -> None:
    plant, _ = run(tmp_path, with_second_meter(second), fixed(5000), limits=LocalLimits())
    assert plant.power() == (3200 if second else 5000)


def test_a_limited_second_meter_that_says_nothing_leaves_the_battery_at_rest(tmp_path: Path) -> None:
    silent = {"meter_grid": {"absent": True}}
    plant, health = run(tmp_path, with_second_meter(), fixed(5000), **silent)
    assert plant.power() == 0
    assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]


def test_the_meter_of_another_battery_is_not_this_one_s_affair(tmp_path: Path) -> None:
    devices = with_second_meter({"max_export_w": 200})
    second = {**devices["modbus_devices"][1], "device_id": "bms_second"}
    second["connection"] = {**second["connection"], "unit_id": 8}
    devices["modbus_devices"].append(second)
    made = site()
    made["devices"] |= SECOND_METER
    made["devices"]["bms_second"] = {**made["devices"]["bms_main"], "serial": "BMS-0002"}
    plant = bench(tmp_path, made)
    one, other = named(1, "bms_main", "meter_grid", 5000), named(2, "bms_second", "meter_second", 0)
    plant.load(body(**devices, scheduler={"controllers": [one, other]}, alarms=[]))
    plant.turn()
    assert plant.power() == 5000
    plant.load(body(2, **devices, scheduler={"controllers": [one]}, alarms=[]))
    plant.turn(2)
    assert plant.power() == 3200  # nobody else has it now


def named(order: int, ess_id: str, meter_id: str, watts: int) -> Json:
    parameters = {"power_watts": watts, "ess_id": ess_id, "meter_id": meter_id}
    return {**fixed(watts, order), "id": f"ctrlFix{order}", "parameters": parameters}


class Unmeasured(Wrapped):
    """A battery that does not say what it does."""

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        return {**self.real.read(points), **({"ActivePower": None} if "ActivePower" in points else {})}


@pytest.mark.parametrize("watts", [5000, -5000])
def test_a_battery_whose_power_is_unknown_stays_at_rest_behind_a_limited_connection(
    tmp_path: Path, watts: int
) -> None:
    plant = bench(tmp_path)

    class Field:
        def device(self, settings: DeviceSettings) -> FieldDevice:
            real = plant.house.device(settings)
            return Unmeasured(real) if settings.role == "ess" else real

    plant.core = Core(Devices(Field(), LOCAL), LOCAL)
    plant.load(body(scheduler={"controllers": [fixed(watts)]}, alarms=[]))
    health = plant.turn(3)
    assert plant.power() == 0
    assert [alarm["message"] for alarm in health["alarms"]] == ["power_undefined: the battery stays at 0 W"]


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        (LocalLimits(), [0, 500, 0, -500, 0]),
        (LocalLimits(max_import_watts=9000), [0, 500, 0]),
        (LocalLimits(max_export_watts=9000), [0, -500, 0]),
        (LOCAL, []),
    ],
)
def test_a_step_test_without_a_meter_moves_nothing_towards_a_limit(
    tmp_path: Path, limits: LocalLimits, steps: list[int]
) -> None:
    protocol, _ = walked(tmp_path, changes=expecting(meter_grid={"enabled": False}), limits=limits)
    assert [step.asked_watts for step in of(protocol).steps] == steps
