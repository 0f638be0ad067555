"""The shipped device profiles: valid, generated from SunSpec, and able to do what rules ask of them."""

import json
from typing import Any

import pytest

from configs.profiles_from_sunspec import SHIPPED, shipped_profiles
from edge_protocol import schema
from edge_protocol.registry import builtin_profiles, find_profile
from edge_protocol.subject import Profile

PROFILES = builtin_profiles()
OWN = {"relay_board_8"}
"""Written by hand: no SunSpec model has relays."""


def test_they_are_what_the_generator_writes() -> None:
    generated = {one["profile_id"]: one for one in shipped_profiles()}
    assert generated == {name: one for name, one in PROFILES.items() if name not in OWN}
    for one in shipped_profiles():
        text = (SHIPPED / f"{one['profile_id']}.json").read_text(encoding="utf-8")
        assert json.loads(text) == one


def test_they_have_the_shape_of_the_registry() -> None:
    assert schema.check_section("profiles", PROFILES) == []


@pytest.mark.parametrize("name", PROFILES)
def test_its_points_are_named_once_and_its_own_references_exist(name: str) -> None:
    profile = PROFILES[name]
    names = [point["name"] for point in profile["points"]]
    assert len(set(names)) == len(names)
    writes = [*profile.get("safe_writes", []), *([profile["reversion"]] if "reversion" in profile else [])]
    for write in writes:
        point = next(point for point in profile["points"] if point["name"] == write["point"])
        assert point["access"] == "RW"
        assert "write_fc" in point
    assert all(("write_fc" in point) == (point["access"] == "RW") for point in profile["points"])


def test_the_names_of_the_spec_have_the_points_of_the_spec() -> None:
    points = {point["name"]: point for point in PROFILES["tesla_powerwall_2"]["points"]}
    assert {"ActivePower", "Soc", "Temperature", "Cycles"} <= set(points)
    assert "demo" in PROFILES["tesla_powerwall_2"]["notes"]
    models = {point["sunspec"]["model"] for point in PROFILES["sma_sunny_tripower"]["points"]}
    assert models == {1, 103, 120, 121, 122, 123}


@pytest.mark.parametrize(
    ("name", "role", "steerable"),
    [
        ("tesla_powerwall_2", "ess", True),
        ("sunspec_storage", "ess", True),
        ("sma_sunny_tripower", "pv_inverter", False),
        ("sunspec_inverter", "pv_inverter", False),
        ("sunspec_meter", "grid_meter", False),
        ("relay_board_8", "io", False),
    ],
)
def test_a_storage_can_be_steered_and_nothing_else(name: str, role: str, steerable: bool) -> None:
    assert PROFILES[name]["role"] == role
    assert Profile(PROFILES[name]).is_steerable is steerable


def test_a_points_type_and_scale_are_those_of_the_model() -> None:
    points = {point["name"]: point for point in PROFILES["sunspec_storage"]["points"]}
    expected: dict[str, dict[str, Any]] = {
        "Soc": {"type": "uint16", "sf_point": "SoC_SF", "unit": "%", "valid_min": 0, "valid_max": 100},
        "SetActivePower": {"type": "int32", "sf_point": "WSet_SF", "unit": "W", "write_fc": 16},
        "SetActivePowerEnable": {"type": "enum16", "write_fc": 6, "symbols": {"DISABLED": 0, "ENABLED": 1}},
        "SetRateReversion": {
            "sunspec": {"model": 124, "point": "InOutWRte_RvrtTms", "index": 0},
            "unit": "s",
        },
    }
    for name, members in expected.items():
        assert {member: points[name][member] for member in members} == members


def test_a_name_with_a_major_version_finds_that_version_only() -> None:
    older = {**PROFILES["sunspec_meter"], "version": "0.9.0"}
    registry = {**PROFILES, "sunspec_meter@0": older}
    assert find_profile("sunspec_meter", registry) == PROFILES["sunspec_meter"]
    assert find_profile("sunspec_meter@1", registry) == PROFILES["sunspec_meter"]
    assert find_profile("sunspec_meter@0", registry) == older
    assert find_profile("sunspec_meter@2", registry) is None
    assert find_profile("nothing", registry) is None


def test_the_mapping_is_fresh_each_time() -> None:
    builtin_profiles().clear()
    assert builtin_profiles() == PROFILES
