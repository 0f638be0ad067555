"""A profile held against a live device: what fits, what does not, and that nothing is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli import main
from edge_runtime.field import UnreachableError
from edge_runtime.modbus.lines import straight
from edge_runtime.modbus.profile_check import check_profile
from tests.edge_runtime.modbus.wire import PROFILES, Json, Loop, listening, registers_map, simulated
from tests.edge_runtime.modbus.wire import point as made_point


def _connection(port: int) -> Json:
    return {"protocol": "tcp", "host": "127.0.0.1", "port": port, "timeout_ms": 300, "retries": 0}


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_profile_fits_the_device_that_it_describes(loop: Loop, name: str) -> None:
    device = simulated(name, serial="SN-1")
    device.plant.shown = {"Frequency": 50.0}
    with listening(loop, device.device) as port:
        found = check_profile(PROFILES[name], _connection(port), straight)
    assert found.fits
    tells = any(point["name"] == "SerialNumber" for point in PROFILES[name]["points"])
    assert found.serial == ("SN-1" if tells else "")
    assert {point.name for point in found.points} == {point["name"] for point in PROFILES[name]["points"]}
    assert device.device.writes == []


MAP = registers_map(
    [
        made_point("ActivePower", 0, "int32"),
        made_point("Soc", 2, "uint16", scale=0.1, unit="%", valid_min=0, valid_max=100),
        made_point("SerialNumber", 10, "string", unit=""),
        made_point("Mode", 40, "enum16", unit="", symbols={"AUTO": 60}),
    ]
)


def _wrong(name: str, **changes: Any) -> Json:
    return registers_map([{**one, **changes} if one["name"] == name else one for one in MAP["points"]])


@pytest.mark.parametrize(
    ("profile", "name", "state"),
    [
        (_wrong("Soc", scale=1), "Soc", "out_of_range"),
        (_wrong("Soc", type="uint32"), "Soc", "missing"),
        (_wrong("Soc", address=900), "Soc", "missing"),
        (_wrong("Soc", fc=4), "Soc", "missing"),
    ],
    ids=["wrong scale", "wrong type", "wrong address", "wrong function code"],
)
def test_a_wrong_point_is_found_and_the_others_are_not_blamed(
    loop: Loop, profile: Json, name: str, state: str
) -> None:
    device = simulated(MAP, serial="SN-1")
    with listening(loop, device.device) as port:
        found = check_profile(profile, _connection(port), straight)
    assert not found.fits
    assert {point.name: point.state for point in found.points if point.speaks_against} == {name: state}


def test_a_device_of_another_kind_lacks_the_models(loop: Loop) -> None:
    device = simulated("sunspec_meter")
    with listening(loop, device.device) as port:
        found = check_profile(PROFILES["tesla_powerwall_2"], _connection(port), straight)
    lacking = {point.detail for point in found.points if point.state == "missing"}
    assert "the device has no SunSpec model 802" in lacking


def test_a_device_that_does_not_answer_is_said() -> None:
    with pytest.raises(UnreachableError):
        check_profile(MAP, _connection(1), straight)


def test_the_command_prints_a_table_or_json(loop: Loop, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(loop, simulated(serial="BMS-5").device) as port:
        common = ["tesla_powerwall_2", "127.0.0.1", "--port", str(port), "--timeout-ms", "500"]
        assert main(["profile-check", *common]) == 0
        table = capsys.readouterr().out
        assert table.startswith("serial number: BMS-5\n")
        assert table.endswith("the profile fits\n")
        assert main(["profile-check", *common, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        soc = next(point for point in facts["points"] if point["name"] == "Soc")
        assert soc == {"name": "Soc", "state": "ok", "value": 60, "unit": "%", "detail": ""}
        assert main(["profile-check", "sunspec_meter", *common[1:]]) == 1
        assert "does NOT fit" in capsys.readouterr().out


def test_the_command_says_who_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile-check", "sunspec_meter", "127.0.0.1", "--port", "1"]) == 1
    assert capsys.readouterr().out == "no answer: no connection to 127.0.0.1:1\n"


@pytest.mark.parametrize(("content", "why"), [(None, "neither a file"), ("{", "neither a file"), ("{}", "/")])
def test_a_file_that_is_no_profile_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, why: str
) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    assert main(["profile-check", str(path), "127.0.0.1"]) == 2
    assert why in capsys.readouterr().err


def test_a_profile_of_one_s_own_is_checked(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(MAP))
    with listening(loop, simulated(MAP).device) as port:
        assert main(["profile-check", str(path), "127.0.0.1", "--port", str(port)]) == 0
