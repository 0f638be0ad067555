"""Real processes: `simulate-site` on loopback ports, and a runtime that reaches it through its map."""

import contextlib
import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.edge_runtime.plant import PATIENCE, REPOSITORY, Json, RuntimeProcess, put_document

EXAMPLE = json.loads((REPOSITORY / "edge_runtime" / "data" / "example_modbus_site.json").read_text())


def modbus_site(**devices: Json) -> Json:
    """The example site over a constant house; `devices` change members of its devices."""
    made = copy.deepcopy(EXAMPLE)
    made["house"] = {"load_w": 3000, "pv_w": 0}
    for name, members in devices.items():
        made["devices"].setdefault(name, {}).update(members)
    return made


@dataclass
class SiteProcess:
    """`python -m edge_runtime simulate-site`, and what its devices say of themselves."""

    process: "subprocess.Popen[str]"
    map: Path
    state_file: Path

    def state(self) -> Json:
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self.state_file.read_text()))
        return {}

    def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first state that is as wanted."""
        for _ in range(PATIENCE):
            state = self.state()
            if state and wanted(state):
                return state
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the site ended with {self.process.wait(timeout=0.02)}")
        raise AssertionError(f"never seen; the last was {self.state()}")


@contextlib.contextmanager
def simulated_site(tmp_path: Path, made: Json, *more: str) -> Iterator[SiteProcess]:
    path, found, state = (tmp_path / name for name in ("modbus_site.json", "map.json", "state.json"))
    path.write_text(json.dumps(made))
    command = [sys.executable, "-m", "edge_runtime", "simulate-site", "--site", str(path)]
    command += ["--map", str(found), "--state", str(state), *more]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["listening"]
        yield SiteProcess(process, found, state)
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def modbus_runtime(tmp_path: Path, first: Json, site: SiteProcess) -> Iterator[RuntimeProcess]:
    directory, log = tmp_path / "runtime", tmp_path / "runtime.log"
    directory.mkdir(exist_ok=True)
    (directory / "health.json").unlink(missing_ok=True)
    put_document(directory, first)
    command = [sys.executable, "-m", "edge_runtime", "run", "--dir", str(directory)]
    command += ["--field", "modbus", "--simulation", str(site.map)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        yield RuntimeProcess(process, directory, log)
    finally:
        process.kill()
        process.wait()


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge_runtime", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


def with_reversion(made: Json, seconds: int) -> Json:
    """A document whose battery profile has another reversion time."""
    profile = made["profiles"]["tesla_powerwall_2"]
    changed = {**profile, "reversion": {**profile["reversion"], "seconds": seconds}}
    return {**made, "profiles": {**made["profiles"], "tesla_powerwall_2": changed}}


def power(state: Json, device_id: str = "bms_main") -> Any:
    return state[device_id]["readings"]["ActivePower"]
