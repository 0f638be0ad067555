"""A valid document that uses every field there is."""

from typing import Any

from edge_protocol.merge import merge_bodies
from edge_protocol.registry import builtin_profiles

Body = dict[str, Any]


def devices() -> list[Body]:
    tcp = {
        "protocol": "tcp",
        "host": "192.168.1.10",
        "port": 1502,
        "unit_id": 3,
        "timeout_ms": 500,
        "retries": 2,
        "min_request_gap_ms": 10,
        "invalidate_after_errors": 3,
    }
    serial = {"device": "/dev/ttyUSB0", "baud": 19200, "parity": "E", "stop_bits": 1}
    limits = {
        "max_charge_w": 5000,
        "max_discharge_w": 4600,
        "capacity_wh": 13500,
        "soc_min": 10,
        "soc_max": 95.5,
        "ramp_w_per_s": 500,
    }
    return [
        {
            "device_id": "ess0",
            "name": "Battery in the cellar",
            "profile": "sunspec_storage@1",
            "enabled": True,
            "role": "ess",
            "connection": tcp,
            "poll_groups": {"fast": ["ActivePower", "Soc"], "slow": ["Cycles", "SerialNumber"]},
            "limits": limits,
            "expect_serial": "SN-1",
        },
        {
            "device_id": "meter0",
            "profile": "sunspec_meter",
            "connection": {"protocol": "rtu", "serial": serial, "unit_id": 5},
            "limits": {"max_import_w": 60000, "max_export_w": 30000},
        },
        {
            "device_id": "pv0",
            "profile": "sma_sunny_tripower",
            "enabled": False,
            "connection": {"protocol": "rtu_over_tcp", "host": "gateway-1.plant.example", "unit_id": 7},
            "poll_groups": {"fast": []},
        },
        {
            "device_id": "io0",
            "profile": "relay_board_8",
            "connection": {"protocol": "tcp", "host": "192.168.1.12"},
        },
    ]


def controllers() -> list[Body]:
    peak = {"threshold_watts": 50000, "recharge_enabled": True, "recharge_threshold_watts": 20000}
    slot = {"days": ["mon", "sun"], "start_time": "07:00", "end_time": "21:30", "time_zone": "Europe/Berlin"}
    named = {"ess_id": "ess0", "meter_id": "meter0"}
    relay = {
        "channel": "_sum/GridActivePower",
        "output": "io0/Relay1",
        "switch_on_at": -1500.5,
        "switch_off_at": 500,
    }
    kinds: list[tuple[str, Body]] = [
        (
            "LimitTotalDischargeController",
            {"min_soc": 15, "force_charge_soc": 8.5, "force_charge_power": 900},
        ),
        ("TimeSlotPeakShavingController", {**peak, **slot, "hysteresis_soc": 2, "reserve_soc": 30}),
        ("PeakShavingController", {**peak, **named, "reserve_soc": 20}),
        ("ScheduleController", {"schedule_device_id": "ess0", "fallback": "idle"}),
        ("BalancingController", {**named, "target_grid_power": -100, "priority": "grid_support"}),
        ("FixActivePowerController", {"power_watts": -500}),
        ("ChannelThresholdController", {**relay, "min_on_s": 300, "min_off_s": 120}),
    ]
    kinds[4][1]["deadband_watts"] = 25
    return [
        {
            "id": f"ctrl{order}",
            "name": f"Rule {order}",
            "class": kind,
            "enabled": kind != "FixActivePowerController",  # balancing leaves nothing to it
            "execution_order": order,
            "parameters": given,
        }
        for order, (kind, given) in enumerate(kinds, start=1)
    ]


def alarms() -> list[Body]:
    return [
        {
            "id": "soc_low",
            "channel": "ess0/Soc",
            "condition": "<=",
            "threshold": 12.5,
            "hysteresis": 2,
            "for_s": 30,
            "severity": "critical",
            "notification": ["email", "dashboard", "webhook"],
            "enabled": True,
            "message": "The battery is nearly empty",
            "renotify_s": 3600,
        },
        {"id": "meter_gone", "channel": "meter0/ActivePower", "condition": "stale", "severity": "fault"},
        {"id": "slow", "channel": "_cycle/MeasuredCycleTime", "condition": ">", "threshold": 900},
        {"id": "import_high", "channel": "_sum/GridActivePower", "condition": ">", "threshold": 55000},
        {"id": "broken", "channel": "ctrl3/State", "condition": "!=", "threshold": 0, "enabled": False},
    ]


def document() -> Body:
    """Every section, with the derived profiles; no rule has anything to say about it."""
    supervisor = {
        "overrun_alert_threshold": 3,
        "auto_recovery": False,
        "max_consecutive_failures": 5,
        "watchdog_timeout_ms": 9000,
    }
    sync = {
        "sync_interval_s": 600,
        "heartbeat_interval_s": 30,
        "apply": {"alarms": "next_cycle", "modbus_devices": "window", "scheduler": "manual"},
        "maintenance_window": {"days": ["sat"], "start": "23:00", "end": "04:00", "time_zone": "UTC"},
        "probation_s": 120,
    }
    layer = {
        "core_cycle": {"period_ms": 2000, "supervisor": supervisor},
        "scheduler": {"strategy": "fixed_order", "controllers": controllers()},
        "modbus_devices": devices(),
        "alarms": alarms(),
        "sync": sync,
        "extensions": {"acme.ems": {"tariff": {"zones": [1, 2.5, {"name": "peak"}], "active": True}}},
    }
    return merge_bodies([layer], profiles=builtin_profiles())
