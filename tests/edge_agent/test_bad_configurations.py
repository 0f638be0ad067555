"""Eight kinds of bad configuration that every check lets pass: each undoes itself and says why.

A real agent drives the real runtime over simulated Modbus devices. Version 1 drives nothing, so a battery
in its safe state stands at 0 W; every bad version begins to discharge it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_protocol import schema
from edge_protocol.registry import builtin_profiles, named_profiles
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.modbus_edge import modbus_edge
from tests.edge_runtime.modbus.processes import modbus_site, power, simulated_site
from tests.edge_runtime.plant import DEMO, Json, fixed

PATIENCE_S = 40.0
WATTS = 2000


def good() -> Json:
    """A meter and a battery that nobody drives."""
    sections = copy.deepcopy(DEMO)
    sections["modbus_devices"] = [one for one in sections["modbus_devices"] if _is_kept(one)]
    sections["core_cycle"] = {
        "period_ms": 500,
        "supervisor": {"watchdog_timeout_ms": 2000, "auto_recovery": False},
    }
    sections["scheduler"] = {"controllers": []}
    sections["sync"] = {"sync_interval_s": 30, "heartbeat_interval_s": 10, "probation_s": 6}
    sections["profiles"] = copy.deepcopy(dict(named_profiles(DEMO, builtin_profiles())))
    return sections


def _is_kept(entry: Json) -> bool:
    return entry["device_id"] != "inverter_pv"


def _drive(sections: Json) -> None:
    sections["scheduler"] = {"controllers": [fixed(WATTS)]}


def _with_inverter(sections: Json) -> None:
    inverter = next(one for one in DEMO["modbus_devices"] if not _is_kept(one))
    quick = {**inverter["connection"], "timeout_ms": 200, "retries": 0}
    sections["modbus_devices"].append({**copy.deepcopy(inverter), "connection": quick})
    _drive(sections)


def _point(name: str, **changes: Any) -> Callable[[Json], None]:
    def change(sections: Json) -> None:
        points = sections["profiles"]["tesla_powerwall_2"]["points"]
        next(point for point in points if point["name"] == name).update(changes)
        _drive(sections)

    return change


def _too_quick(sections: Json) -> None:
    sections["core_cycle"]["period_ms"] = 100
    _drive(sections)


@dataclass(frozen=True)
class Bad:
    """`spoil` makes the bad version from the good one; `site` is what stands behind it on site."""

    spoil: Callable[[Json], None]
    code: str
    says: str
    site: Json = field(default_factory=dict)
    fault: str = "none"


KINDS = {
    "slow-device": Bad(_with_inverter, "device_silent", "inverter_pv", {"inverter_pv": {"answer_ms": 1500}}),
    "wrong-scale": Bad(_point("Temperature", scale=10), "device_silent", "Temperature reads 2"),
    "contradictory-limits": Bad(_point("Soc", valid_min=0, valid_max=50), "device_silent", "outside 0 to 50"),
    "crash-in-first-cycle": Bad(_drive, "max_consecutive_failures", "ctrlFix0", fault="crash"),
    "crash-later": Bad(_drive, "process_exited", "status 3", fault="die"),
    "hang": Bad(_drive, "watchdog", "no finished cycle", fault="hang"),
    "overrun": Bad(_too_quick, "overruns", "took too long", {"meter_grid": {"answer_ms": 120}}),
    "device-that-vanishes": Bad(
        _with_inverter,
        "device_silent",
        "inverter_pv",
        {"inverter_pv": {"defect": {"kind": "exit", "after_s": 2}}},
    ),
}


QUICK = ("crash-in-first-cycle", "hang")  # the others are proofs of a quarter of a minute each


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in KINDS]
)
def test_a_bad_configuration_undoes_itself_and_says_why(
    kind: str, cloud: CloudSimulator, tmp_path: Path
) -> None:
    bad, sections = KINDS[kind], good()
    with simulated_site(tmp_path, modbus_site(**bad.site)) as site:
        edge = modbus_edge(tmp_path, cloud, site, ("-m", "tests.edge_runtime.breaking", bad.fault))
        try:
            edge.enroll()
            cloud.publish(good())
            edge.start()
            cloud.wait_status(1, "confirmed", within_s=PATIENCE_S)
            assert power(site.state()) == 0

            bad.spoil(sections)
            assert not schema.check(sections)
            number = cloud.publish(sections)
            beat = cloud.wait_status(number, "rolled_back", "rejected", "critical", within_s=PATIENCE_S)

            attempt = beat["last_attempt"]
            assert (attempt["status"], attempt["code"]) == ("rolled_back", bad.code), attempt
            assert bad.says in attempt["detail"], attempt
            site.until(lambda state: power(state) == 0)
            assert edge.active()["scheduler"] == {"controllers": []}
        finally:
            edge.close()
