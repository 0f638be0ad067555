"""A battery that says that it is off-grid makes the grid itself: it is left alone until the grid is back."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_runtime.core import Core
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice, RefusedError
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from tests.edge_runtime.plant import Bench, Json, bench, body, device
from tests.edge_runtime.wrapped import Wrapped

ON, OFF = 1.0, 2.0


@dataclass
class Battery(Wrapped):
    """Shows its grid mode as well, and writes down what it is told."""

    switched: "Switched"

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        mode = {"GridMode": self.switched.mode} if "GridMode" in points else {}
        return {**self.real.read(points), **mode}

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        if self.switched.is_deaf:
            raise RefusedError("not now")
        self.switched.written += [value for point, value in writes if point == "SetActivePower"]
        self.real.write(writes)


@dataclass
class Switched:
    """The house's field, whose battery can be off-grid."""

    plant: Bench
    mode: float | None = ON
    is_deaf: bool = False
    written: list[float] = field(default_factory=list)

    def device(self, settings: DeviceSettings) -> FieldDevice:
        real = self.plant.house.device(settings)
        return Battery(real, self) if settings.role == "ess" else real


@pytest.fixture
def switched(tmp_path: Path) -> Switched:
    plant = bench(tmp_path)
    made = Switched(plant)
    plant.devices = Devices(made, LocalLimits())
    plant.core = Core(plant.devices, LocalLimits())
    plant.load(document())
    return made


def document(*without: str) -> Json:
    """`without` members of the battery's profile."""
    made = body(**device("bms_main", poll_groups={"fast": ["ActivePower", "Soc", "GridMode"], "slow": []}))
    point = {"name": "GridMode", "fc": 3, "address": 900, "type": "enum16", "unit": "", "access": "R"}
    profile = copy.deepcopy(made["profiles"]["tesla_powerwall_2"])
    made["profiles"] = {**made["profiles"], "tesla_powerwall_2": profile}
    profile["points"].append({**point, "symbols": {"ON_GRID": 1, "OFF_GRID": 2}, "group_default": "fast"})
    for name in without:
        del profile[name]
    return made


def test_nothing_is_sent_while_the_battery_is_off_grid(switched: Switched) -> None:
    switched.plant.turn(20)
    assert switched.written
    switched.mode = OFF
    switched.written.clear()
    health = switched.plant.turn(20)
    assert switched.written == []
    assert [alarm["id"] for alarm in health["alarms"]] == ["_off_grid_bms_main"]
    assert health["set_points"] == {}
    assert {controller["state"] for controller in health["controllers"].values()} == {"ok"}


def test_the_controllers_begin_anew_when_the_grid_is_back(switched: Switched) -> None:
    switched.plant.turn(40)
    switched.mode = OFF
    switched.plant.turn()
    switched.plant.house.command("bms_main", 0)
    switched.mode = ON
    switched.written.clear()
    switched.plant.turn()
    assert switched.written[0] == pytest.approx(900, abs=1)  # a first step from rest, not the old sum


def test_a_set_point_that_would_not_end_by_itself_is_ended_once(switched: Switched) -> None:
    switched.plant.load(document("reversion"))
    switched.plant.turn(20)
    assert switched.plant.power() > 2000
    switched.mode, switched.is_deaf = OFF, True
    switched.written.clear()
    (alarm,) = switched.plant.turn(3)["alarms"]
    assert alarm["message"] == "off-grid: no set-points are sent, but the last one still stands: not now"
    switched.is_deaf = False
    (alarm,) = switched.plant.turn(20)["alarms"]
    assert alarm["message"] == "off-grid: no set-points are sent"
    assert switched.written == [0]
    assert switched.plant.power() == 0
    switched.mode = ON
    switched.plant.turn(20)
    assert switched.plant.power() > 2000


@pytest.mark.parametrize("mode", [None, ON, 7.0])
def test_an_unknown_grid_mode_is_not_off_grid(switched: Switched, mode: float | None) -> None:
    switched.mode = mode
    switched.plant.turn(3)
    assert switched.written
