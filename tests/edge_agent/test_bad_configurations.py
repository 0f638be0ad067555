"""Eight kinds of bad configuration that every check lets pass: each undoes itself and says why.

A real agent drives the real runtime over simulated Modbus devices. Version 1 charges the battery gently,
every bad version begins to discharge it; what the battery followed meanwhile, it tells itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_protocol import schema
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.modbus_edge import modbus_edge, sections
from tests.edge_runtime.modbus.processes import modbus_site, simulated_site
from tests.edge_runtime.plant import DEMO, Json, fixed

PATIENCE_S = 90.0
PERIOD_MS = 500
STEADY, WATTS = -500, 2000
# Longer than the 60 cycles after which a controller breaks later.
LONG_S, SHORT_S = 45, 6


def good(probation_s: int = SHORT_S) -> Json:
    """A meter and a battery that is charged gently."""
    return sections(
        PERIOD_MS,
        core_cycle={
            "period_ms": PERIOD_MS,
            "supervisor": {"watchdog_timeout_ms": 2000, "auto_recovery": False},
        },
        modbus_devices=[one for one in DEMO["modbus_devices"] if _is_kept(one)],
        scheduler={"controllers": [{**fixed(STEADY), "id": "ctrlSteady0"}]},
        sync={"sync_interval_s": 30, "heartbeat_interval_s": 10, "probation_s": probation_s},
    )


def _is_kept(entry: Json) -> bool:
    return entry["device_id"] != "inverter_pv"


def _drive(made: Json) -> None:
    made["scheduler"] = {"controllers": [fixed(WATTS)]}


def _with_inverter(made: Json) -> None:
    inverter = next(one for one in DEMO["modbus_devices"] if not _is_kept(one))
    quick = {**inverter["connection"], "timeout_ms": 200, "retries": 0}
    more = sections(modbus_devices=[{**inverter, "connection": quick}])
    made["modbus_devices"] += more["modbus_devices"]
    made["profiles"] |= more["profiles"]
    _drive(made)


def _point(name: str, **changes: Any) -> Callable[[Json], None]:
    def change(made: Json) -> None:
        points = made["profiles"]["tesla_powerwall_2"]["points"]
        next(point for point in points if point["name"] == name).update(changes)
        _drive(made)

    return change


def _too_quick(made: Json) -> None:
    made["core_cycle"]["period_ms"] = 100
    _drive(made)


@dataclass(frozen=True)
class Bad:
    """`spoil` makes the bad version from the good one; `site` is what stands behind it on site.

    `code`: the code of the failure, or those of which either may be seen first.

    `followed`: the set-points of the battery, from before the good version to after the roll back.
    """

    spoil: Callable[[Json], None]
    code: str
    says: str
    followed: tuple[int, ...]
    site: Json = field(default_factory=dict)
    fault: str = "none"
    probation_s: int = SHORT_S


# Whoever still has a controller is driven by it; whoever lost it stands in its safe state.
DRIVEN = (0, STEADY, WATTS, STEADY)
LEFT_SAFE = (0, STEADY, WATTS, 0, STEADY)
THREE_STRIKES = (0, STEADY, *(WATTS, 0) * 3, STEADY)  # under guard it is started anew twice
NEVER_DRIVEN = (0, STEADY, 0, STEADY)
# Whether the controller's gate or the cycle's is seen first is a matter of milliseconds.
CRASHED = "controller_run_failed max_consecutive_failures"
KINDS = {
    "slow-device": Bad(
        _with_inverter, "device_silent", "inverter_pv", DRIVEN, {"inverter_pv": {"answer_ms": 1500}}
    ),
    "wrong-scale": Bad(_point("Temperature", scale=10), "device_value", "Temperature reads 2", DRIVEN),
    "contradictory-limits": Bad(
        _point("Soc", valid_min=0, valid_max=50), "device_value", "outside 0 to 50", NEVER_DRIVEN
    ),
    "crash-in-first-cycle": Bad(_drive, CRASHED, "ctrlFix0", NEVER_DRIVEN, fault="crash"),
    "crash-after-30-s": Bad(_drive, CRASHED, "ctrlFix0", LEFT_SAFE, fault="crash-later", probation_s=LONG_S),
    # Who died writes nothing; the process after it takes the battery over before its reversion time ends.
    "death-after-30-s": Bad(
        _drive, "process_exited", "status 3", DRIVEN, fault="die-later", probation_s=LONG_S
    ),
    "crash-after-it-was-confirmed": Bad(
        _drive, "late_failure", "ctrlFix0", THREE_STRIKES, fault="crash-late"
    ),
    "hang": Bad(_drive, "watchdog", "no finished cycle", LEFT_SAFE, fault="hang"),
    "overrun": Bad(_too_quick, "overruns", "took too long", DRIVEN, {"meter_grid": {"answer_ms": 120}}),
    "device-that-vanishes": Bad(
        _with_inverter,
        "device_silent",
        "inverter_pv",
        DRIVEN,
        {"inverter_pv": {"defect": {"kind": "exit", "after_s": 2}}},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_configuration_undoes_itself_and_says_why(
    kind: str, cloud: CloudSimulator, tmp_path: Path
) -> None:
    bad = KINDS[kind]
    made = good(bad.probation_s)
    with simulated_site(tmp_path, modbus_site(**bad.site)) as site:
        edge = modbus_edge(tmp_path, cloud, site, ("-m", "tests.edge_runtime.breaking", bad.fault))
        try:
            edge.enroll()
            cloud.publish(good())
            edge.start()
            cloud.wait_status(1, "confirmed", within_s=PATIENCE_S)
            site.until(lambda state: followed(state)[-1] == STEADY)

            bad.spoil(made)
            assert not schema.check(made)
            number = cloud.publish(made)
            beat = cloud.wait_status(number, "rolled_back", "rejected", "critical", within_s=PATIENCE_S)

            attempt = beat["last_attempt"]
            assert attempt["status"] == "rolled_back", attempt
            assert attempt["code"] in bad.code.split(), attempt
            assert bad.says in attempt["detail"], attempt
            state = site.until(lambda state: followed(state)[-1] == STEADY)
            assert followed(state) == bad.followed
            assert state["bms_main"]["reversions"] == 0
            assert edge.active()["scheduler"] == good()["scheduler"]
        finally:
            edge.close()


def followed(state: Json) -> tuple[float, ...]:
    return tuple(watts for watts, _ in state["bms_main"]["followed"])
