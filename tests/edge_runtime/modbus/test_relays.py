"""From the board's side: relays follow a value, are written once, and are off when nobody switches them."""

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.simulated.registers import IllegalAddressError
from tests.edge_runtime.modbus.wire import Loop, Simulated, simulated
from tests.edge_runtime.modbus.yard import Yard, devices, nobody, yard
from tests.edge_runtime.plant import body

Json = dict[str, Any]
BOARD, MOVED = "10.20.0.31:502", "10.20.0.32:502"
CONNECTION = {"protocol": "tcp", "host": "10.20.0.31", "timeout_ms": 200, "retries": 0}
RELAYS = range(1, 9)


def board(**changes: Any) -> Json:
    """The yard's devices and a relay board."""
    connection = {**CONNECTION, **changes.pop("connection", {})}
    own = {"device_id": "relay_main", "profile": "relay_board_8", "connection": connection, **changes}
    return {"modbus_devices": [*devices()["modbus_devices"], own]}


def relay(number: int = 1, **parameters: Any) -> Json:
    given = {
        "channel": "bms_main/Soc",
        "switch_on_at": 50,
        "switch_off_at": 40,
        "min_on_s": 0,
        "min_off_s": 0,
    }
    return {
        "id": f"relay{number}",
        "class": "ChannelThresholdController",
        "execution_order": number,
        "parameters": {**given, "output": f"relay_main/Relay{number}", **parameters},
    }


def scheduler(*controllers: Json) -> Json:
    return {"scheduler": {"controllers": list(controllers)}}


def on(one: Simulated) -> list[int]:
    """Which relays of a board are on."""
    return [number for number in RELAYS if one.device.registers.value(f"Relay{number}")]


def charge(battery: Simulated, percent: float) -> None:
    battery.plant.shown["Soc"] = percent


def writes(one: Simulated) -> list[tuple[int, int]]:
    return [(written.address + 1, written.values[0]) for written in one.device.writes]


def relays() -> Simulated:
    return simulated("relay_board_8", serial="")


def test_a_relay_follows_the_charge_and_is_written_only_when_it_changes(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1), relay(3, switch_on_at=30, switch_off_at=70))))
            health = runtime.turn(5)
            assert on(one) == [1]
            assert writes(one) == [(1, 1), (3, 0)]
            assert {one["state"] for one in health["controllers"].values()} == {"ok"}
            assert health["devices"]["relay_main"]["ok"] is True
            for percent, expected in ((45, [1]), (40, []), (49, []), (29, [3]), (69, [1, 3]), (70, [1])):
                charge(battery, percent)
                runtime.turn(3)
                assert on(one) == expected, percent
            assert len(writes(one)) == 2 + 4


def test_the_total_of_the_plant_switches_and_an_unknown_one_switches_off(loop: Loop) -> None:
    with yard(loop) as (runtime, _, meter):
        one = relays()
        follow = relay(1, channel="_sum/GridActivePower", switch_on_at=1500, switch_off_at=500, min_on_s=3600)
        with runtime.plugged(BOARD, one):
            runtime.load(body(**board(), **scheduler(follow)))
            runtime.turn(2)
            assert on(one) == [1]
            meter.plant.measured = lambda: {"ActivePower": float("nan")}
            runtime.ports.pop("10.20.0.10:502")
            hang_up(runtime)
            health = runtime.turn(3)
            assert on(one) == []
            assert health["alarms"][0]["id"] == "_fail_safe_relay1"
            assert health["alarms"][0]["message"].endswith("relay_main/Relay1 stays off")


GIVEN_UP = [
    ("removed", devices()),
    ("disabled", board(enabled=False)),
    ("re-addressed", board(connection={"host": "10.20.0.32"})),
    ("another unit", board(connection={"unit_id": 9})),
]


@pytest.mark.parametrize(("how", "without"), GIVEN_UP, ids=[how for how, _ in GIVEN_UP])
def test_a_board_that_is_given_up_is_switched_off_first(loop: Loop, how: str, without: Json) -> None:
    with yard(loop) as (runtime, battery, _):
        one, other = relays(), relays()
        with runtime.plugged(BOARD, one), runtime.plugged(MOVED, other):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(2))))
            runtime.turn(2)
            assert on(one) == [2]
            runtime.load(body(2, **without, **scheduler(relay(2))))
            assert on(one) == []  # before the first turn of the new document
            runtime.turn(3)
            assert (on(one), on(other)) == ([], [2] if how == "re-addressed" else [])


RELEASED = [
    ("the last controller removed", nobody(), []),
    ("one of two removed", scheduler(relay(2)), [2]),
    ("one of two disabled", scheduler({**relay(1), "enabled": False}, relay(2)), [2]),
    ("another output", scheduler(relay(1, output="relay_main/Relay7"), relay(2)), [2, 7]),
    (
        "another class",
        scheduler({**relay(1), "class": "FixActivePowerController", "parameters": {"power_watts": 0}}),
        [],
    ),
]


@pytest.mark.parametrize(("how", "then", "expected"), RELEASED, ids=[how for how, *_ in RELEASED])
def test_an_output_that_nobody_switches_any_more_is_off(
    loop: Loop, how: str, then: Json, expected: list[int]
) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1), relay(2))))
            runtime.turn(2)
            assert on(one) == [1, 2]
            kept = len(writes(one))
            runtime.load(body(2, **board(), **then))
            runtime.turn(2)
            assert on(one) == expected, how
            assert (2, 0) not in writes(one)[kept:] or 2 not in expected  # the neighbour is not disturbed


def test_safe_mode_and_a_stop_switch_off(loop: Loop, tmp_path: Path) -> None:
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1))))
            runtime.turn(2)
            assert on(one) == [1]
            runtime.load(body(2, **board(), **nobody(), safe_mode=True))
            assert runtime.turn()["safe_mode"]["written"]["relay_main"] is True
            assert on(one) == []
            runtime.load(body(3, **board(), **scheduler(relay(1))))
            runtime.turn()
            assert on(one) == [1]
            assert runtime.core.stop()["relay_main"] is True
            assert on(one) == []
            assert (tmp_path / "owed.json").read_text() == '{"debts": []}'


@pytest.mark.parametrize(
    ("then", "expected"), [(scheduler(relay(2)), [2]), (nobody(), [])], ids=["another relay", "nobody"]
)
def test_what_a_killed_runtime_left_on_is_off_after_the_next_start(
    loop: Loop, tmp_path: Path, then: Json, expected: list[int]
) -> None:
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1))))
            runtime.turn(2)
            runtime.devices.close()
            runtime.boot()
            assert on(one) == [1]
            runtime.load(body(2, **board(), **then))
            runtime.turn()
            assert on(one) == expected


def test_a_board_that_comes_back_is_written_once_and_its_silence_has_a_name(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1))))
            runtime.turn(2)
        hang_up(runtime)
        state = runtime.turn(2)["controllers"]["relay1"]
        assert state == {
            "state": "write_failed",
            "error": "controller write failed: relay1: relay_main does not answer",
        }
        replaced = relays()
        with runtime.plugged(BOARD, replaced):
            health = runtime.turn(8)
            assert on(replaced) == [1]
            assert writes(replaced) == [(1, 1)]
            assert health["controllers"]["relay1"]["state"] == "ok"


def test_a_board_that_refuses_to_switch_is_a_failing_controller_and_stops_nobody(loop: Loop) -> None:
    def refuse(fc: int, address: int, values: Any) -> None:
        raise IllegalAddressError("stuck")

    with yard(loop) as (runtime, battery, _):
        one = relays()
        one.device.registers.write = refuse  # type: ignore[method-assign]
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            fixed = {"id": "fix", "class": "FixActivePowerController", "execution_order": 9}
            steer = {**fixed, "parameters": {"power_watts": 700}}
            alarm = {"id": "stuck", "channel": "relay1/State", "condition": "==", "threshold": 1, "for_s": 0}
            rules = {"alarms": [{**alarm, "severity": "fault", "message": "the heater does not switch"}]}
            runtime.load(body(**board(), **scheduler(relay(1), steer), **rules))
            health = runtime.turn(12)
            assert health["controllers"]["relay1"]["state"] == "write_failed"
            assert health["controllers"]["relay1"]["error"].startswith("controller write failed: relay1: ")
            assert health["controllers"]["fix"]["state"] == "ok"
            assert [one["id"] for one in health["alarms"]] == ["stuck"]
            assert battery.power == 700


def test_a_relay_that_somebody_switched_by_hand_is_put_right(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1))))
            runtime.turn(2)
            one.device.registers.put("Relay1", 0)
            states = [runtime.turn()["controllers"]["relay1"]["state"] for _ in range(2)]
            assert on(one) == [1]
            assert states == ["write_failed", "ok"]


def test_a_relay_that_sticks_has_a_name(loop: Loop) -> None:
    """The board takes the write, and shows its contact as it was."""
    with yard(loop) as (runtime, battery, _):
        one = relays()
        one.device.registers.write = lambda fc, address, values: None  # type: ignore[method-assign]
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1))))
            state = runtime.turn(4)["controllers"]["relay1"]
            assert state["state"] == "write_failed"
            assert state["error"].endswith("relay_main/Relay1 was switched on and shows off")


def test_a_board_whose_relays_are_not_read_is_believed(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(poll_groups={"fast": [], "slow": []}), **scheduler(relay(1))))
            health = runtime.turn(4)
            assert writes(one) == [(1, 1)]
            assert health["controllers"]["relay1"]["state"] == "ok"


def test_new_thresholds_and_a_new_timeout_keep_the_shortest_time(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(), **scheduler(relay(1, min_on_s=10))))
            runtime.turn()
            later = scheduler(relay(1, min_on_s=10, switch_on_at=90, switch_off_at=80))
            runtime.load(body(2, **board(connection={"timeout_ms": 300}), **later))
            seen = [bool(runtime.turn() and on(one)) for _ in range(12)]
            assert seen == [True] * 9 + [False] * 3
            assert (1, 0) not in writes(one)[:-1]


def test_another_serial_number_is_never_switched(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        one = relays()
        with runtime.plugged(BOARD, one):
            charge(battery, 60)
            runtime.load(body(**board(expect_serial="ANOTHER"), **scheduler(relay(1))))
            health = runtime.turn(3)
            runtime.core.stop()
            assert one.device.writes == []
            assert health["controllers"]["relay1"]["state"] == "init_failed"


def hang_up(runtime: Yard) -> None:
    for shared in runtime.devices._field._buses.values():  # type: ignore[attr-defined]
        shared.bus._hang_up()
