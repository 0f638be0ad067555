"""A turn that the watchdog gave up while it hung: should it come back, it writes and counts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_runtime.controllers import Inputs
from edge_runtime.core import AbandonedError, Core, Turn
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from tests.edge_runtime.plant import BEGUN_AT, Bench, Json, bench, body, fixed, site
from tests.edge_runtime.wrapped import Wrapped

DRIVEN = ["bms_main", "bms_second", "relay_main"]


@dataclass
class Watched:
    """The house's field: who was written to, and at whose write the turn is given up."""

    plant: Bench
    given_up_at: str = ""
    is_mine: bool = True
    written: list[str] = field(default_factory=list)

    def device(self, settings: DeviceSettings) -> FieldDevice:
        return Hanging(self.plant.house.device(settings), settings.device_id, self)

    def turn(self) -> None:
        values: Mapping[str, float] = {"_cycle/MeasuredCycleTime": 1.0, "_cycle/Overruns": 0.0}
        clock = self.plant.clock
        clock.now_s += 1
        turn = Turn(clock.now_s, BEGUN_AT, self.plant.house.running_s, values, lambda: self.is_mine)
        self.plant.core.turn(turn)


@dataclass
class Hanging(Wrapped):
    """Comes back from its write when it is too late."""

    device_id: str
    watched: Watched

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        self.watched.written.append(self.device_id)
        if self.device_id == self.watched.given_up_at:
            self.watched.is_mine = False
        self.real.write(writes)


class GivenUp:
    """A controller that hangs until its turn is given up."""

    needs_grid = False

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        self._watched.is_mine = False
        raise RuntimeError("at last")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = site()
    made["devices"]["bms_second"] = {**made["devices"]["bms_main"], "serial": "BMS-0002"}
    made["devices"]["relay_main"] = {"kind": "relay"}
    found = Watched(bench(tmp_path, made))
    found.plant.core = Core(Devices(found, LocalLimits()), LocalLimits())
    found.plant.load(document())
    return found


def document() -> Json:
    made = body()["modbus_devices"]
    second = {**made[1], "device_id": "bms_second", "connection": {**made[1]["connection"], "unit_id": 2}}
    connection = {**made[1]["connection"], "unit_id": 3}
    relays = {"device_id": "relay_main", "profile": "relay_board_8", "connection": connection}
    switch = {
        "channel": "meter_grid/ActivePower",
        "output": "relay_main/Relay1",
        "switch_on_at": 100,
        "switch_off_at": 0,
        "min_off_s": 0,
    }
    batteries = [
        {**fixed(1000, order), "id": f"ctrl{order}", "parameters": {"power_watts": 1000, "ess_id": ess_id}}
        for order, ess_id in enumerate(DRIVEN[:2], start=1)
    ]
    relay = {"id": "ctrl3", "class": "ChannelThresholdController", "execution_order": 3, "parameters": switch}
    return body(modbus_devices=[*made, second, relays], scheduler={"controllers": [*batteries, relay]})


def test_a_turn_that_is_nobody_s_affair_goes_to_its_end(watched: Watched) -> None:
    watched.turn()
    assert watched.written == DRIVEN


@pytest.mark.parametrize("hanging", DRIVEN)
def test_nothing_is_written_after_the_write_in_which_it_was_given_up(watched: Watched, hanging: str) -> None:
    watched.given_up_at = hanging
    with pytest.raises(AbandonedError):
        watched.turn()
    assert watched.written == DRIVEN[: DRIVEN.index(hanging) + 1]
    assert hanging not in watched.plant.core.health()["set_points"]


def test_a_controller_in_which_it_was_given_up_moves_nothing_and_fails_nothing(watched: Watched) -> None:
    post = watched.plant.core._roster.posts[0]
    post.controller = GivenUp(watched)  # type: ignore[assignment]
    for _ in range(4):  # one more than fail a cycle
        watched.is_mine = True
        with pytest.raises(AbandonedError):
            watched.turn()
    assert watched.written == []
