"""The demo's layers: an organization-wide document, a site that differs, and the recorded house of each edge.

Peak shaving stands before balancing and a battery guard before both, so the document earns no warning.
Probation is short: a demo should not make its reader wait; sixty seconds and more are for plants.
"""

from typing import Any

Json = dict[str, Any]


def organization() -> Json:
    """The layer of each organization: everything an edge needs."""
    return {
        "core_cycle": {"period_ms": 500},
        "sync": {"heartbeat_interval_s": 10, "sync_interval_s": 30, "probation_s": 4},
        "scheduler": {
            "controllers": [
                _controller("ctrlBatteryGuard0", "LimitTotalDischargeController", 1, {"min_soc": 15}),
                _controller(
                    "ctrlPeakShaving0",
                    "PeakShavingController",
                    2,
                    {"threshold_watts": 5_000, "recharge_enabled": False},
                ),
                _controller("ctrlBalancing0", "BalancingController", 3, {"target_grid_power": 0}),
            ]
        },
        "modbus_devices": [
            _device("meter_grid", "sunspec_meter", "10.20.0.10"),
            _device("bms_main", "tesla_powerwall_2", "10.20.0.11"),
            _device("inverter_pv", "sma_sunny_tripower", "10.20.0.12"),
        ],
        "alarms": [
            {
                "id": "alarm_soc_low",
                "channel": "bms_main/Soc",
                "condition": "<",
                "threshold": 20,
                "hysteresis": 2,
                "severity": "warning",
            }
        ],
    }


def south_site() -> Json:
    """The layer of one site: its grid connection is smaller."""
    return {
        "scheduler": {
            "controllers": [{"id": "ctrlPeakShaving0", "parameters": {"threshold_watts": 3_500}}],
        }
    }


def _controller(name: str, kind: str, order: int, parameters: Json) -> Json:
    return {"id": name, "class": kind, "execution_order": order, "parameters": parameters}


def _device(name: str, profile: str, host: str) -> Json:
    return {
        "device_id": name,
        "profile": profile,
        "connection": {"protocol": "tcp", "host": host, "port": 502, "unit_id": 1},
    }


def recorded_site(edge_id: str) -> Json:
    """What stands behind an edge's devices: a recorded house and a modelled battery."""
    return {
        "house": {"recording": "konstanz_residential4", "load_scale": 1.0, "pv_scale": 1.0},
        "devices": {
            "bms_main": {
                "kind": "battery",
                "serial": f"BMS-{edge_id}",
                "capacity_wh": 13_500,
                "max_charge_w": 5_000,
                "max_discharge_w": 5_000,
                "round_trip_efficiency": 0.9,
                "initial_soc": 60,
            },
            "meter_grid": {"kind": "grid_meter", "serial": f"MTR-{edge_id}"},
            "inverter_pv": {"kind": "pv_inverter", "serial": f"PV-{edge_id}"},
        },
    }
