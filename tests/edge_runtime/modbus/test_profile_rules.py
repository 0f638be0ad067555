"""What is refused before a device is ever asked: points that no device can have, lines that are no lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.checking import check_file
from edge_runtime.limits import LocalLimits
from edge_runtime.modbus.profile_rules import wrong_points
from tests.edge_runtime.modbus.wire import PROFILES, Json
from tests.edge_runtime.modbus.yard import devices
from tests.edge_runtime.plant import body


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_shipped_profiles_are_what_sunspec_published(name: str) -> None:
    assert wrong_points(PROFILES[name]) == {}


def _changed(name: str, **changes: Any) -> Json:
    profile = PROFILES["tesla_powerwall_2"]
    points = [{**one, **changes} if one["name"] == name else one for one in profile["points"]]
    return {**profile, "points": points}


WRONG = [
    ("Soc", {"type": "int16"}, "SunSpec 802/SoC is uint16, not int16"),
    ("Soc", {"sf_point": "W_SF"}, "SunSpec 802/SoC is scaled by SoC_SF"),
    ("Soc", {"sunspec": {"model": 802, "point": "Charge"}}, "SunSpec model 802 has no point Charge"),
    ("Soc", {"sunspec": {"model": 9999, "point": "SoC"}}, "there is no SunSpec model 9999"),
    ("SetActivePower", {"write_fc": 5}, "what function code 3 reads, function code 5 does not write"),
    ("SetActivePower", {"fc": 4}, "what function code 4 reads, function code 16 does not write"),
]


@pytest.mark.parametrize(("name", "changes", "why"), WRONG)
def test_a_point_that_no_device_can_have_is_refused_with_its_place(
    tmp_path: Path, name: str, changes: Json, why: str
) -> None:
    made = body()
    made["profiles"] = {**made["profiles"], "tesla_powerwall_2": _changed(name, **changes)}
    assert _errors(tmp_path, made) == [
        {"path": f"/profiles/tesla_powerwall_2/points/{name}", "rule": "profile", "detail": why}
    ]


@pytest.mark.parametrize(
    "line", ["socket://1.2.3.4:502", "rfc2217://1.2.3.4:1", "/etc/passwd", "/dev/../etc/x"]
)
def test_a_serial_line_is_a_device_file(tmp_path: Path, line: str) -> None:
    assert _errors(tmp_path, body(**_serial(line))) == [
        {
            "path": "/modbus_devices/bms_main/connection/serial/device",
            "rule": "serial_line",
            "detail": f"{line} is no device file",
        }
    ]


def test_limits_on_hosts_leave_the_machine_s_own_lines_alone(tmp_path: Path) -> None:
    limits = LocalLimits(allowed_hosts=("10.20.0.0/24",))
    assert _errors(tmp_path, body(**_serial("/dev/ttyUSB0")), limits) == []


def _serial(line: str) -> Json:
    made = devices()
    made["modbus_devices"][1]["connection"] = {"protocol": "rtu", "serial": {"device": line}}
    return made


def _errors(tmp_path: Path, made: Json, limits: LocalLimits | None = None) -> list[dict[str, str]]:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(made))
    return check_file(path, limits or LocalLimits()).errors


@pytest.mark.parametrize(("period_ms", "fits"), [(30_000, True), (30_001, False)])
def test_a_set_point_must_be_renewed_before_it_ends(tmp_path: Path, period_ms: int, fits: bool) -> None:
    slow = {"core_cycle": {"period_ms": period_ms}, "sync": {"probation_s": 3600}}
    errors = _errors(tmp_path, body(**slow))
    assert [error["path"] for error in errors] == ([] if fits else ["/core_cycle/period_ms"])


def test_what_the_rules_of_a_document_say_is_said_here_too(tmp_path: Path) -> None:
    """E05 stops it; what is only to be known (W19) does not."""
    twice = devices()
    twice["modbus_devices"][1]["connection"] = twice["modbus_devices"][0]["connection"]
    assert [one["rule"] for one in _errors(tmp_path, body(**twice))] == ["E05"]
    two = [fixed("first", -3000, 1), fixed("second", 3000, 2)]
    path = tmp_path / "document.json"
    path.write_text(json.dumps(body(scheduler={"controllers": two})))
    found = check_file(path, LocalLimits())
    assert (found.errors, [one["path"] for one in found.warnings if one["rule"] == "W19"]) == (
        [],
        ["/scheduler/controllers/second"],
    )


def fixed(name: str, watts: int, order: int) -> Json:
    parameters = {"power_watts": watts}
    return {
        "id": name,
        "class": "FixActivePowerController",
        "execution_order": order,
        "parameters": parameters,
    }
