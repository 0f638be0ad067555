"""Local limits: no document can widen them, and half a file is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.limits import Limits, LimitsError, allows, breach, read_limits
from tests.edge_agent.edge import Edge, document

LIMITS = Limits({"max_charge_w": 5000, "max_import_w": 20000}, ("10.20.0.0/24", "meter.local"))


def device(**changes: Any) -> dict[str, Any]:
    return {"modbus_devices": [{"device_id": "bms", "connection": {"host": "10.20.0.9"}, **changes}]}


def controller(power_watts: int) -> dict[str, Any]:
    one = {"id": "fix0", "class": "FixActivePowerController", "parameters": {"power_watts": power_watts}}
    return {"scheduler": {"controllers": [one]}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (device(), None),
        (device(limits={"max_charge_w": 5000}), None),
        (
            device(limits={"max_charge_w": 5001}),
            "/modbus_devices/bms/limits/max_charge_w: 5001 W, at most 5000 W",
        ),
        (device(limits={"max_discharge_w": 10**9}), None),
        (device(connection={"host": "10.21.0.9"}), "the host 10.21.0.9 is not allowed"),
        (device(connection={"protocol": "rtu"}), None),
        (controller(-5001), "/scheduler/controllers/fix0/parameters/power_watts: -5001 W"),
        (controller(9000), None),
    ],
)
def test_a_document_stays_within_the_limits(found: dict[str, Any], words: str | None) -> None:
    reason = breach(LIMITS, found)
    assert (reason is None) == (words is None)
    assert words is None or (reason is not None and words in reason.detail)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("10.20.0.1", True), ("10.20.1.1", False), ("meter.local", True), ("other.local", False)],
)
def test_hosts_are_allowed_by_name_address_or_network(host: str, allowed: bool) -> None:
    assert allows(LIMITS, host) is allowed


@pytest.mark.parametrize("content", ["", "[]", '{"max_charge_w": "much"}', "{"])
def test_half_a_file_is_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "limits.json"
    file.write_text(content)
    with pytest.raises(LimitsError):
        read_limits(str(file))


def test_a_file_that_others_can_change_is_used_and_named(tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    file.write_text("{}")
    file.chmod(0o666)
    assert "can be changed by others" in read_limits(str(file)).warning


def test_a_version_beyond_the_limits_is_rejected_before_it_is_staged(confirmed: Edge, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    file.write_text(json.dumps({"max_charge_w": 1000}))
    settings = json.loads((confirmed.data / "agent.json").read_bytes())
    (confirmed.data / "agent.json").write_text(json.dumps({**settings, "limits_file": str(file)}))
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.known().get("limits_digest"))
    sections = document()
    sections["scheduler"]["controllers"] = [
        {
            "id": "fix0",
            "class": "FixActivePowerController",
            "execution_order": 1,
            "parameters": {"power_watts": -2000},
        }
    ]
    cloud.publish(sections)
    beat = cloud.wait_status(2, "rejected")
    assert beat["last_attempt"]["code"] == "local_limits"
