"""A battery that is read and takes no writes: nobody waits for it, it is said, it is left safe first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.edge_runtime.modbus.scripted import Asked, Scripted, scripted
from tests.edge_runtime.modbus.test_met_anew import Gateway
from tests.edge_runtime.modbus.test_refused import REVERTS, plain
from tests.edge_runtime.modbus.wire import Json, Loop, Simulated, simulated
from tests.edge_runtime.modbus.yard import BATTERY, OTHER, Yard

PROFILE = plain(REVERTS)


@contextmanager
def deaf(loop: Loop, **more: Any) -> Iterator[tuple[Yard, Scripted, Simulated, list[int]]]:
    """Two batteries; `ears` is empty as long as the first one ignores every write."""
    ears: list[int] = []
    first, second = simulated(PROFILE), simulated(PROFILE, serial="BMS-2")
    for one in (first, second):
        one.plant.shown = {"Soc": 60}

    hears = Gateway(first)

    def answer(asked: Asked) -> bytes | None:
        return hears(asked) if asked.fc in (3, 4) or ears else None

    runtime = Yard(loop, **more)
    with scripted(loop, answer) as (server, port), runtime.plugged(OTHER, second):
        runtime.ports[BATTERY] = port
        try:
            yield runtime, server, second, ears
        finally:
            runtime.devices.close()


def two(timeout_ms: int, watts: int = 300) -> Json:
    def entry(name: str, end: str) -> Json:
        host, port = end.split(":")
        connection = {
            "protocol": "tcp",
            "host": host,
            "port": int(port),
            "timeout_ms": timeout_ms,
            "retries": 0,
        }
        limits = {"max_charge_w": 5000, "max_discharge_w": 5000}
        return {"device_id": name, "profile": "plain", "connection": connection, "limits": limits}

    def fix(ess_id: str, order: int) -> Json:
        return {
            "id": f"ctrlFix{order}",
            "class": "FixActivePowerController",
            "execution_order": order,
            "parameters": {"power_watts": watts, "ess_id": ess_id},
        }

    return {
        "version": watts,
        "core_cycle": {"period_ms": 1000},
        "scheduler": {"controllers": [fix("bms_main", 1), fix("bms_two", 2)]},
        "modbus_devices": [entry("bms_main", BATTERY), entry("bms_two", OTHER)],
        "alarms": [],
        "profiles": {"plain": PROFILE},
    }


def test_nobody_waits_for_a_battery_that_takes_no_writes(loop: Loop) -> None:
    """Its answer would be waited for half a minute; the other one follows every cycle all the same."""
    with deaf(loop, patience_s=0.1, write_share=0.2) as (runtime, server, second, _):
        for watts in (300, 400, 500):
            runtime.load(two(30_000, watts))
            health = runtime.turn()
            second.device.tick()
            assert second.power == watts
        assert [asked.fc for asked in server.asked if asked.fc > 4] == [6]
        assert health["devices"]["bms_two"]["ok"] is True
        assert health["set_points"] == {"bms_two": 500}


def test_a_battery_that_takes_no_writes_is_said_and_tried_seldom_whatever_it_reads(loop: Loop) -> None:
    with deaf(loop) as (runtime, server, second, _):
        runtime.load(two(100))
        tries, states = [], []
        for second_ in range(1, 22):
            before = _writes(server)
            health = _settled(runtime)
            if _writes(server) > before:
                tries.append(second_)
            states.append(health["controllers"]["ctrlFix1"]["state"])
        assert tries == [1, 3, 7, 13, 21]
        assert states == ["write_failed"] * 21
        assert [alarm["id"] for alarm in health["alarms"]] == ["_write_failed_bms_main"]
        assert health["alarms"][0]["severity"] == "fault"
        assert health["devices"]["bms_main"]["ok"] is False
        assert health["controllers"]["ctrlFix2"]["state"] == "ok"
        assert second.power == 300


def test_its_safe_state_is_the_first_that_it_takes_again(loop: Loop) -> None:
    with deaf(loop) as (runtime, server, _, ears):
        runtime.load(two(100))
        for _ in range(2):
            _settled(runtime)
        ears.append(1)
        for _ in range(2):
            health = _settled(runtime)
        assert [asked.words for asked in server.asked if asked.fc > 4][1:] == [(0,), (60,), (300,)]
        assert health["alarms"] == []
        assert health["controllers"]["ctrlFix1"]["state"] == "ok"
        assert health["set_points"] == {"bms_main": 300, "bms_two": 300}


def _writes(server: Scripted) -> int:
    return sum(asked.fc > 4 for asked in server.asked)


def _settled(runtime: Yard) -> Json:
    """A turn, and the end of the write that nobody waits for in it."""
    runtime.turn()
    end = runtime.devices.by_id["bms_main"]._pen._end
    if end is not None:
        end.result(timeout=30)
    return runtime.core.health()
