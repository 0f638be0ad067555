"""A battery that was away for a while, or is met for the first time: what stands there now is not assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_runtime.core import Core
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice, UnreachableError
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from tests.edge_runtime.plant import Bench, Json, bench, body, device, fixed, only, site
from tests.edge_runtime.test_sharing import pair
from tests.edge_runtime.test_windup import house
from tests.edge_runtime.wrapped import Wrapped

RAMP = {"max_charge_w": 5000, "max_discharge_w": 5000, "ramp_w_per_s": 1000}
LONG = 600


@dataclass
class Leaving(Wrapped):
    """A device that can be away."""

    device_id: str
    away: set[str]

    def session(self) -> int:
        self._answer()
        return self.real.session()

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        self._answer()
        return self.real.read(points)

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        self._answer()
        self.real.write(writes)

    def _answer(self) -> None:
        if self.device_id in self.away:
            raise UnreachableError(f"{self.device_id} is away")


@dataclass
class Yard:
    """The house's field, whose devices can be away."""

    plant: Bench
    limits: LocalLimits = field(default_factory=LocalLimits)
    away: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.plant.core = Core(Devices(self, self.limits), self.limits)

    def device(self, settings: DeviceSettings) -> FieldDevice:
        return Leaving(self.plant.house.device(settings), settings.device_id, self.away)

    def leave(self, device_id: str, turns: int) -> None:
        self.away.add(device_id)
        self.plant.turn(turns)
        self.away.clear()

    def powers(self, turns: int) -> list[float]:
        found = []
        for _ in range(turns):
            self.plant.turn()
            found.append(round(self.plant.power()))
        return found


def yard(tmp_path: Path, made: Json) -> Yard:
    plant = bench(tmp_path, site(bms_main={"reverts_after_s": 60}))
    here = Yard(plant)
    plant.load(made)
    return here


def test_a_battery_that_is_met_is_ramped_from_the_power_that_flows(tmp_path: Path) -> None:
    here = yard(tmp_path, body(scheduler={"controllers": [fixed(4000)]}, **device("bms_main", limits=RAMP)))
    here.plant.house.command("bms_main", 1200)
    assert here.powers(3) == [1700, 2200, 2700]  # 1,000 W/s over periods of 500 ms


def test_a_battery_that_comes_back_is_ramped_from_where_it_is(tmp_path: Path) -> None:
    here = yard(tmp_path, body(scheduler={"controllers": [fixed(4000)]}, **device("bms_main", limits=RAMP)))
    here.plant.turn(12)
    assert here.plant.power() == 4000
    here.leave("bms_main", LONG)
    assert here.plant.power() == 0  # by its own reversion time
    powers = here.powers(LONG)
    begun = next(index for index, watts in enumerate(powers) if watts)
    assert powers[begun : begun + 4] == [500, 1000, 1500, 2000]


def test_what_stood_before_an_outage_is_not_sent_again(tmp_path: Path) -> None:
    here = yard(tmp_path, body(**only("ctrlBalancing0")))
    here.plant.turn(30)
    assert here.plant.power() == pytest.approx(3000, abs=60)
    here.away.add("bms_main")
    health = here.plant.turn(LONG)
    assert health["set_points"] == {}
    house(here.plant, load=0)  # nothing is left to be balanced
    here.away.clear()
    assert set(here.powers(LONG)) == {0}


def test_a_silent_battery_counts_in_the_sum_of_local_limits_with_what_it_was_told(tmp_path: Path) -> None:
    """It may go on with that until its reversion time is over."""
    limits = LocalLimits(max_discharge_watts=4000)
    plant = pair(tmp_path, fixed(3000))
    document = plant.core._document
    assert document is not None
    here = Yard(plant, limits)
    plant.core.load(document)
    here.plant.turn(2)
    here.away.add("bms_main")
    here.plant.turn(3)
    assert (plant.power("bms_main"), plant.power("bms_second")) == (3000, 1000)
