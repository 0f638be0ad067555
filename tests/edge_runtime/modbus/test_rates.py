"""A battery without a set-point in watts (SunSpec 124 alone) is driven by its two rates."""

import pytest

from edge_runtime.modbus.rates import rates
from tests.edge_runtime.modbus.wire import PROFILES, Json, Loop, entry, listening, met, simulated

STORAGE = PROFILES["sunspec_storage"]


def _without_704() -> Json:
    points = [point for point in STORAGE["points"] if point["sunspec"]["model"] != 704]
    return {**STORAGE, "points": points, "reversion": {"point": "SetRateReversion", "seconds": 60}}


@pytest.mark.parametrize("watts", [2500, -2500, 5000, -5000, 1, 0])
def test_rates_leave_exactly_the_power_that_was_asked_for(loop: Loop, watts: int) -> None:
    battery = simulated(_without_704())
    battery.device.registers.put("MaxCharge", 5000)
    with listening(loop, battery.device) as port, met(entry("sunspec_storage", port)) as ess:
        ess.poll()
        assert ess.device.write_power(watts)
        assert battery.power == pytest.approx(watts, abs=0.5)
        assert battery.device.writes[0].values == (60,)  # InOutWRte_RvrtTms, before any rate stands
        battery.clock.now_s += 61
        assert battery.power == 0
        assert ess.device.write_power(watts)
        assert ess.device.write_safe_state()
        assert battery.power == 0


def test_more_than_the_device_can_is_all_that_it_can() -> None:
    assert [dict(one) for one in rates(7000, 5000)] == [
        {"SetDischargeRate": 100, "SetChargeRate": -100},
        {"StorageControl": 3},
    ]


def test_without_its_base_no_rate_is_written(loop: Loop) -> None:
    battery = simulated(_without_704())  # WChaMax reads 0
    with listening(loop, battery.device) as port, met(entry("sunspec_storage", port)) as ess:
        ess.poll()
        assert ess.device.write_power(500) is False
        assert "the device states no MaxCharge" in ess.device.health()["detail"]
        assert battery.power == 0


def test_a_device_with_both_is_driven_in_watts(loop: Loop) -> None:
    battery = simulated(STORAGE)
    with listening(loop, battery.device) as port, met(entry("sunspec_storage", port)) as ess:
        ess.poll()
        assert ess.device.write_power(-1234)
        assert battery.power == -1234
        assert battery.device.registers.value("StorageControl") == 0
