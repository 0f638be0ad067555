"""Site and limits files: what they mean, and the sentence that a wrong one earns."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.limits import LimitsError, LocalLimits, read_limits
from edge_runtime.site import SiteError, read_site
from tests.edge_runtime.plant import EXAMPLE_SITE, site

BATTERY = EXAMPLE_SITE["devices"]["bms_main"]


def read(tmp_path: Path, body: Any) -> Any:
    path = tmp_path / "site.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return read_site(path)


def test_the_example_site_scales_its_recording(tmp_path: Path) -> None:
    made = {**EXAMPLE_SITE, "house": {**EXAMPLE_SITE["house"], "load_scale": 2.0, "pv_scale": 0.5}}
    house = read(tmp_path, made).house
    assert house.start_at == datetime(2016, 3, 2, 9, 30, tzinfo=UTC)
    moment = house.at(house.start_at)
    assert moment.load_watts == 2 * (290 - 500 + 880)
    assert moment.pv_watts == 440


def test_a_recording_may_lie_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "hour_from,grid_import_w,grid_export_w,pv_w\n2020-06-01T00:00:00Z,400,0,100\n"
    )
    house = read(tmp_path, {"house": {"recording": "mine.csv"}, "devices": {}}).house
    assert house.at(house.start_at).load_watts == 500


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "not JSON"),
        ({"house": {}, "devices": {}}, "/house/load_w: must be a number from 0"),
        ({"house": {"load_w": -1, "pv_w": 0}, "devices": {}}, "/house/load_w"),
        ({"house": {"load_w": 1, "pv_w": 0, "x": 1}, "devices": {}}, "/house/x: unknown member"),
        ({"house": {"load_w": 1, "pv_w": 0}, "devices": []}, "/devices: must be an object"),
        ({**EXAMPLE_SITE, "more": 1}, "/more: unknown member"),
        (site(bms_main={"capacity_wh": True}), "/devices/bms_main/capacity_wh: must be a number"),
        (
            site(bms_main={"initial_soc": 101}),
            "/devices/bms_main/initial_soc: must be a number from 0 to 100",
        ),
        (site(bms_main={"absent": "yes"}), "/devices/bms_main/absent: must be true or false"),
        (site(bms_main={"serial": 5}), "/devices/bms_main/serial: must be a text"),
        (site(meter_grid={"capacity_wh": 5}), "/devices/meter_grid/capacity_wh: unknown member"),
        (site(meter_grid={"kind": "toaster"}), "/devices/meter_grid/kind: must be one of"),
        (site(meter_grid={"defect": {"kind": "melt"}}), "/devices/meter_grid/defect/kind: must be one of"),
        (
            {**EXAMPLE_SITE, "house": {"recording": "konstanz_residential4", "start_at": "noon"}},
            "/house/start_at: must be a time like",
        ),
    ],
)
def test_a_wrong_site_file_is_refused_at_its_member(tmp_path: Path, body: Any, reason: str) -> None:
    with pytest.raises(SiteError, match=reason):
        read(tmp_path, body)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("10.20.0.11", True),
        ("10.21.0.11", False),
        ("meter.local", True),
        ("other.local", False),
        ("fd00::5", True),
        ("fd01::5", False),
    ],
)
def test_hosts_are_allowed_by_name_address_or_network(host: str, allowed: bool) -> None:
    limits = LocalLimits(allowed_hosts=("10.20.0.0/24", "meter.local", "fd00::/16"))
    assert limits.allows_host(host) is allowed


def test_without_a_list_every_host_is_allowed() -> None:
    assert LocalLimits().allows_host("192.168.1.100")
    assert read_limits(None) == LocalLimits()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[]", "must be an object"),
        ("{", "limits.json"),
        ('{"max_chrge_w": 1}', "unknown member max_chrge_w"),
        ('{"max_charge_w": -1}', "max_charge_w must be a number of watts"),
        ('{"max_charge_w": true}', "max_charge_w must be a number of watts"),
        ('{"allowed_hosts": "10.0.0.1"}', "allowed_hosts must be a list"),
    ],
)
def test_a_limits_file_is_trusted_whole_or_not_at_all(tmp_path: Path, body: str, reason: str) -> None:
    path = tmp_path / "limits.json"
    path.write_text(body)
    with pytest.raises(LimitsError, match=reason):
        read_limits(path)
