"""Commissioning over the wire: the same walk against simulated Modbus devices."""

import json
import subprocess
import sys
from pathlib import Path

from tests.edge_runtime.modbus.processes import modbus_site, simulated_site
from tests.edge_runtime.plant import EXAMPLE_SITE, REPOSITORY, body, put_document


def test_a_site_is_commissioned_over_modbus(tmp_path: Path) -> None:
    made = body(3)
    for entry in made["modbus_devices"]:
        entry["expect_serial"] = EXAMPLE_SITE["devices"][entry["device_id"]]["serial"]
    put_document(tmp_path, made)
    with simulated_site(tmp_path, modbus_site()) as site:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "edge_runtime", "commission", "--dir", str(tmp_path)),
                *("--simulation", str(site.map), "--settle-s", "0", "--sample-s", "0.05"),
                *("--out", str(tmp_path), "--json"),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            input="y\n" * 10,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    whole = json.loads(done.stdout)
    assert whole["verdict"] == "passed"
    assert whole["field"] == "simulated"
    assert {device["serial"] for device in whole["devices"]} == {
        device["serial"] for device in EXAMPLE_SITE["devices"].values()
    }
