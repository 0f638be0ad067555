"""The law of a relay that follows a value, step by step: (second, value, is it on?)."""

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.relays import ChannelThreshold
from tests.edge_runtime.plant import DEMO, bench, body, site

Steps = list[tuple[float, float | None, bool]]


def law(**changes: Any) -> ChannelThreshold:
    given = {
        "channel": "bms_main/Soc",
        "output": "relay_main/Relay1",
        "switch_on_at": 90,
        "switch_off_at": 80,
    }
    return ChannelThreshold(**{**given, "min_on_s": 0, "min_off_s": 0, **changes})  # type: ignore[arg-type]


DOWNWARDS = {"switch_on_at": 20, "switch_off_at": 30}
EXPORT = {"switch_on_at": -3000, "switch_off_at": 500}
TIMES = {"min_on_s": 60, "min_off_s": 30}
GOLDEN: dict[str, tuple[dict[str, Any], Steps]] = {
    "on and off at their thresholds": (
        {},
        [(0, 50, False), (1, 89.9, False), (2, 90, True), (3, 100, True), (4, 80, False), (5, 95, True)],
    ),
    "between them nothing changes": (
        {},
        [(0, 85, False), (1, 91, True), (2, 85, True), (3, 80.1, True), (4, 79, False), (5, 85, False)],
    ),
    "on when it falls, by the order of the thresholds": (
        DOWNWARDS,
        [(0, 50, False), (1, 21, False), (2, 20, True), (3, 29, True), (4, 30, False), (5, 25, False)],
    ),
    "on while power is exported": (
        EXPORT,
        [(0, -2999, False), (1, -3000, True), (2, 0, True), (3, 500, False), (4, -5000, True)],
    ),
    "not before it was off so long, counted from the start": (
        TIMES,
        [(100, 95, False), (129.9, 95, False), (130, 95, True)],
    ),
    "not off before it was on so long": (
        TIMES,
        [(0, 95, False), (30, 95, True), (31, 10, True), (89.9, 10, True), (90, 10, False), (119, 95, False)],
    ),
    "a value that comes back in time costs nothing": (
        TIMES,
        [(0, 95, False), (30, 95, True), (40, 10, True), (80, 85, True), (100, 85, True), (101, 80, False)],
    ),
    "undefined: off at once, and then off for its time": (
        TIMES,
        [(0, 95, False), (30, 95, True), (31, None, False), (32, 95, False), (61, 95, True)],
    ),
    "undefined from the start": ({}, [(0, None, False), (1, None, False), (2, 90, True)]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_law(name: str) -> None:
    changes, steps = GOLDEN[name]
    relay = law(**changes)
    assert [(at_s, value, relay.decide(value, at_s)) for at_s, value, _ in steps] == steps


def test_new_words_keep_how_long_the_output_has_stood() -> None:
    before = law(**TIMES)
    assert [before.decide(95, at_s) for at_s in (0, 30)] == [False, True]
    after = law(**TIMES, switch_on_at=99, switch_off_at=97)
    after.go_on_from(before)
    assert [after.decide(95, at_s) for at_s in (31, 89, 90)] == [True, True, False]


def test_another_output_begins_anew() -> None:
    before = law()
    assert before.decide(95, 0) is True
    after = law(output="relay_main/Relay2", min_off_s=5)
    after.go_on_from(before)
    assert [after.decide(95, at_s) for at_s in (1, 5, 6)] == [False, False, True]


def test_a_relay_of_a_recorded_house_keeps_what_it_is_switched_to(tmp_path: Path) -> None:
    made_site = site()
    made_site["devices"]["relay_main"] = {"kind": "relay"}
    connection = {"protocol": "tcp", "host": "10.20.0.31"}
    board = {"device_id": "relay_main", "profile": "relay_board_8", "connection": connection}
    parameters = {
        "channel": "_sum/EssSoc",
        "output": "relay_main/Relay1",
        "switch_off_at": 40,
        "min_off_s": 2,
    }
    heater = {"id": "heater", "class": "ChannelThresholdController", "execution_order": 1}
    controllers = [{**heater, "parameters": {**parameters, "switch_on_at": 50}}]
    made = body(
        modbus_devices=[*DEMO["modbus_devices"], board], scheduler={"controllers": controllers}, alarms=[]
    )
    plant = bench(tmp_path, made_site)
    plant.load(made)
    plant.turn(2)
    assert plant.house.readings("relay_main") == {"Relay1": 0.0}
    health = plant.turn(1)
    assert plant.house.readings("relay_main") == {"Relay1": 1.0}
    assert health["controllers"]["heater"] == {"state": "ok", "error": None}
    assert health["alarms"] == []
    assert plant.core.stop()["relay_main"] is True
    assert plant.house.readings("relay_main") == {f"Relay{number}": 0.0 for number in range(1, 9)}
