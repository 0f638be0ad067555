"""The alarm that catches a wrong sign: raised when the grid moves with the set-point, and not by the load."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.classes import make_controller
from edge_runtime.core import Core
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from edge_runtime.signs import SignWatch
from tests.edge_runtime.plant import Bench, Json, bench, body, device, only
from tests.edge_runtime.test_controllers import inputs
from tests.edge_runtime.wrapped import Wrapped

LIMITS = Interval(-5000, 5000)


class Loop:
    """A battery that balances a house, with the sign of its power or of the meter turned round at will."""

    def __init__(self, *, battery: int = 1, meter: int = 1) -> None:
        self.watch = SignWatch()
        self._controller = make_controller(
            "ctrl0", "BalancingController", {"target_grid_power": 0, "deadband_watts": 50}
        )
        self._battery, self._meter = battery, meter
        self._power = 0.0

    def turn(self, load: float) -> bool:
        """One cycle; whether the alarm stands after it."""
        grid = self._meter * (load - self._battery * self._power)
        seen = replace(inputs(grid=grid, ess=self._power), power=LIMITS)
        sent = float(round(self._controller.act(seen, LIMITS).least_effort))
        self.watch.note(("bms", "meter"), grid=grid, ess=self._power, sent=sent)
        self._power = sent
        return bool(self.watch.wrong())


@pytest.mark.parametrize("turned", [{"battery": -1}, {"meter": -1}])
@pytest.mark.parametrize("load", [600, 3000, 40_000, -2500, -40_000])
def test_a_wrong_sign_is_found_while_the_power_runs_away_and_stays_found(
    turned: dict[str, int], load: float
) -> None:
    loop = Loop(**turned)
    stands = [loop.turn(load) for _ in range(200)]
    assert True in stands[:12]
    assert all(stands[12:])


def test_the_alarm_names_both_suspects() -> None:
    loop = Loop(battery=-1)
    for _ in range(20):
        loop.turn(3000)
    ((name, (channel, message)),) = loop.watch.wrong().items()
    assert name == "_wrong_sign_bms"
    assert channel == "meter/ActivePower"
    assert "the sign of bms or of meter is wrong" in message


def jumps(chance: random.Random, before: float) -> float:
    return chance.choice([300, 900, 2300, 4000]) if chance.random() < 0.05 else before


def ramps(chance: random.Random, before: float) -> float:
    return 0 if before > 4500 else before + chance.choice([0, 100, 300])


def noise(chance: random.Random, _before: float) -> float:
    return 1500 + chance.gauss(0, 400)


@pytest.mark.parametrize("load", [jumps, ramps, noise])
def test_right_signs_raise_no_alarm_whatever_the_house_does(
    load: Callable[[random.Random, float], float],
) -> None:
    chance, loop, watts = random.Random(7), Loop(), 500.0
    stands = 0
    for _ in range(20_000):
        watts = load(chance, watts)
        stands += loop.turn(watts)
    assert stands == 0


def test_a_sign_that_was_put_right_clears_the_alarm() -> None:
    loop = Loop(battery=-1)
    for _ in range(20):
        loop.turn(3000)
    loop._battery = 1
    assert [loop.turn(3000) for _ in range(60)][-1] is False


def test_an_unknown_grid_begins_anew() -> None:
    watch = SignWatch()
    for step, grid in enumerate([0, 500, None, 1000, 1500]):
        watch.note(("bms", "meter"), grid=grid, ess=500.0 * (step - 1), sent=500.0 * step)
    assert watch.wrong() == {}


def test_a_battery_that_nobody_drives_has_no_sign() -> None:
    watch = SignWatch()
    for step in range(8):
        watch.note(("bms", "meter"), grid=500.0 * step, ess=500.0 * (step - 1), sent=500.0 * step)
    assert watch.wrong() != {}
    watch.forget("bms")
    assert watch.wrong() == {}


class Turned(Wrapped):
    """A battery that does the opposite of what it is told, and says so."""

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        self.real.write([(point, -value if point == "SetActivePower" else value) for point, value in writes])


@pytest.fixture
def turned(tmp_path: Path) -> Bench:
    """Balancing over a battery whose sign is wrong, until the alarm stands."""
    plant = bench(tmp_path)

    class Field:
        def device(self, settings: DeviceSettings) -> FieldDevice:
            real = plant.house.device(settings)
            return Turned(real) if settings.role == "ess" else real

    plant.core = Core(Devices(Field(), LocalLimits()), LocalLimits())
    plant.load(body(**only("ctrlBalancing0")))
    assert alarms(plant.turn(15)) == ["_wrong_sign_bms_main"]
    return plant


def alarms(health: Json) -> list[str]:
    return [alarm["id"] for alarm in health["alarms"]]


@pytest.mark.parametrize(
    "edit",
    [
        device("inverter_pv", connection={"timeout_ms": 900}),
        device("bms_main", limits={"max_charge_w": 4800, "max_discharge_w": 4800}),
        device("meter_grid", connection={"timeout_ms": 900}),
    ],
    ids=["another device", "a limit", "a timeout"],
)
def test_an_edit_that_does_not_touch_the_sign_leaves_its_alarm(turned: Bench, edit: Json) -> None:
    turned.load(body(2, **only("ctrlBalancing0"), **edit))
    assert alarms(turned.turn(200)) == ["_wrong_sign_bms_main"]


def test_a_battery_or_a_meter_that_is_read_otherwise_is_judged_anew(turned: Bench) -> None:
    made = body(2, **only("ctrlBalancing0"))
    profile = copy.deepcopy(made["profiles"]["sunspec_meter"])
    (power,) = [point for point in profile["points"] if point["name"] == "ActivePower"]
    power["invert"] = True
    turned.load({**made, "profiles": {**made["profiles"], "sunspec_meter": profile}})
    assert alarms(turned.turn()) == []


def test_another_meter_begins_another_judgement() -> None:
    watch = SignWatch()
    for step in range(8):
        watch.note(("bms", "meter"), grid=500.0 * step, ess=500.0 * (step - 1), sent=500.0 * step)
    assert watch.wrong() != {}
    watch.note(("bms", "other"), grid=0.0, ess=0.0, sent=500.0)
    assert watch.wrong() == {}
