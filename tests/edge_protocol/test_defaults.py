"""What a document leaves out, and what stands there then."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol import schema
from edge_protocol.defaults import probation_s, watchdog_timeout_ms, with_defaults
from edge_protocol.merge import merge_bodies
from edge_protocol.pointers import get
from edge_protocol.registry import builtin_profiles
from tests.edge_protocol import full
from tests.edge_protocol.build import example, sections

BMS, PV = "/modbus_devices/bms_main", "/modbus_devices/inverter_pv"
BALANCING, SHAVING = (f"/scheduler/controllers/ctrl{name}0" for name in ("Balancing", "PeakShaving"))

EXPECTED: dict[str, Any] = {
    "/core_cycle/period_ms": 1000,
    "/core_cycle/supervisor/max_consecutive_failures": 3,
    "/core_cycle/supervisor/watchdog_timeout_ms": 10_000,
    "/scheduler/strategy": "fixed_order",
    BALANCING + "/parameters/deadband_watts": 50,
    SHAVING + "/parameters/recharge_threshold_watts": 25_000,
    SHAVING + "/parameters/reserve_soc": 0,
    BMS + "/enabled": True,
    BMS + "/role": "ess",
    BMS + "/connection/timeout_ms": 1000,
    BMS + "/connection/retries": 1,
    BMS + "/connection/min_request_gap_ms": 0,
    BMS + "/connection/invalidate_after_errors": 1,
    BMS + "/poll_groups/fast": ["ActivePower", "Soc"],
    PV + "/role": "pv_inverter",
    PV + "/poll_groups/fast": ["ActivePower", "Status"],
    "/alarms/alarm_soc_low/hysteresis": 0,
    "/alarms/alarm_soc_low/for_s": 0,
    "/alarms/alarm_soc_low/enabled": True,
    "/alarms/alarm_soc_low/message": "",
    "/sync/sync_interval_s": 300,
    "/sync/heartbeat_interval_s": 60,
    "/sync/probation_s": 60,
    "/sync/apply/alarms": "immediate",
    "/sync/apply/sync": "immediate",
    "/sync/apply/core_cycle": "next_cycle",
    "/sync/apply/profiles": "next_cycle",
}


@pytest.mark.parametrize("path", EXPECTED)
def test_the_example_gets_the_defaults_of_the_model(path: str) -> None:
    document = merge_bodies([sections()], profiles=builtin_profiles())
    assert get(with_defaults(document), path) == EXPECTED[path]


def test_what_is_given_stays_and_the_document_is_not_altered() -> None:
    document = full.document()
    before = deepcopy(document)
    filled = with_defaults(document)
    assert document == before
    # `critical` is the one word with another name
    before["alarms"][0]["severity"] = "fault"
    assert merge_bodies([filled, before]) == filled


def test_filling_twice_is_filling_once_and_stays_valid() -> None:
    for document in (
        full.document(),
        example(),
        {"core_cycle": {}, "scheduler": {}, "modbus_devices": [], "alarms": []},
    ):
        filled = with_defaults(document)
        assert with_defaults(filled) == filled
        assert schema.check(filled) == []


def test_without_its_profile_a_device_keeps_what_it_says() -> None:
    filled = with_defaults(example())
    assert "role" not in get(filled, BMS)
    assert get(filled, BMS + "/poll_groups/slow") == ["Temperature", "Cycles"]


def test_a_group_left_out_is_the_profiles_without_what_the_other_has() -> None:
    body = sections()
    body["modbus_devices"][0]["poll_groups"] = {"slow": ["Soc"]}
    filled = with_defaults(merge_bodies([body], profiles=builtin_profiles()))
    assert get(filled, BMS + "/poll_groups") == {"fast": ["ActivePower"], "slow": ["Soc"]}


@pytest.mark.parametrize(
    ("given_parameters", "force"),
    [({}, 10), ({"min_soc": 5}, 5), ({"min_soc": 30}, 10), ({"force_charge_soc": 2}, 2)],
)
def test_forced_charging_starts_at_ten_percent_or_the_minimum(given_parameters: Any, force: int) -> None:
    guard = {"id": "c", "class": "LimitTotalDischargeController", "execution_order": 1}
    scheduler = {"controllers": [{**guard, "parameters": given_parameters}]}
    filled = with_defaults({**example(), "scheduler": scheduler})
    assert filled["scheduler"]["controllers"][0]["parameters"]["force_charge_soc"] == force


@given(st.integers(100, 60_000))
def test_defaults_that_follow_the_period_keep_the_rules(period_ms: int) -> None:
    assert watchdog_timeout_ms(period_ms) > 3 * period_ms
    assert probation_s(period_ms) * 1000 > 5 * period_ms
    filled = with_defaults({**example(), "core_cycle": {"period_ms": period_ms}})
    assert filled["core_cycle"]["supervisor"]["watchdog_timeout_ms"] == watchdog_timeout_ms(period_ms)
    assert filled["sync"]["probation_s"] == probation_s(period_ms)
