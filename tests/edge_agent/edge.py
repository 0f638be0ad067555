"""A real edge for tests: its folder, its agent process, its tiny runtime, and eyes into all three."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent import control
from edge_agent.clocks import Clock
from edge_agent.enrolling import Wish, enroll
from edge_agent.states import State
from edge_agent.store import Store
from tests.edge_agent.cloud_simulator import CloudSimulator

TINY = Path(__file__).parents[1] / "faults" / "tiny_runtime.py"
ROOT = Path(__file__).parents[2]


def document(threshold: int = 50000, **tiny: Any) -> dict[str, Any]:
    """A small valid document; `tiny` tells the runtime how to behave."""
    sections: dict[str, Any] = {
        "core_cycle": {"period_ms": 100, "supervisor": {"watchdog_timeout_ms": 2000}},
        "scheduler": {
            "controllers": [
                {
                    "id": "ctrlPeakShaving0",
                    "class": "PeakShavingController",
                    "enabled": True,
                    "execution_order": 1,
                    "parameters": {"threshold_watts": threshold},
                }
            ]
        },
        "modbus_devices": [],
        "alarms": [],
        "sync": {"sync_interval_s": 30, "heartbeat_interval_s": 10, "probation_s": 1},
    }
    if tiny:
        sections["extensions"] = {"tiny": tiny}
    return sections


class Edge:
    """`agent` is the running process, or the last one. Every process that was started is ended by `close`."""

    def __init__(self, folder: Path, cloud: CloudSimulator, **driver: Any) -> None:
        self.data, self.cloud = folder / "agent", cloud
        self.runtime = folder / "runtime"
        self.agent: subprocess.Popen[bytes] | None = None
        self.log = folder / "agent.log"
        self.driver = {
            "kind": "process",
            "directory": str(self.runtime),
            "start": [sys.executable, "-I", "-S", str(TINY), "{directory}"],
            "apply_timeout_s": 5,
            "restore_timeout_s": 8,
            "stop_timeout_s": 2,
            **driver,
        }

    def enroll(self, **changes: Any) -> None:
        wish = {
            "server_url": self.cloud.url,
            "token": self.cloud.token,
            "root_sha256": self.cloud.root_sha256,
            "trust_on_first_use": False,
            "ca_file": None,
            "proxy": None,
            "limits_file": None,
            "driver": self.driver,
        }
        enroll(self.data, Wish(**{**wish, **changes}), Clock(), lambda: str(uuid.uuid4()))

    def start(self, fault: str = "", **environment: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        env.pop("EMS_AGENT_FAULT", None)
        if fault:
            env["EMS_AGENT_FAULT"] = fault
        with self.log.open("ab") as log:
            self.agent = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "--data", str(self.data), "run", "--log-level", "DEBUG"],
                env=env,
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    def wait_end(self, within_s: float = 20.0) -> int:
        assert self.agent is not None
        try:
            return self.agent.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"the agent did not end:\n{self.log.read_text()[-3000:]}") from error

    def kill(self) -> None:
        """Power cut for the agent: the runtime lives on, as after a crash."""
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        return self.wait_end()

    def close(self) -> None:
        self.kill()
        self.kill_runtime()

    def _is_our_runtime(self, pid: int) -> bool:
        try:
            return str(self.runtime) in Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def runtime_pid(self) -> int | None:
        try:
            return int((self.runtime / "runtime.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill_runtime(self) -> None:
        pid = self.runtime_pid()
        if pid is not None and self._is_our_runtime(pid):
            os.kill(pid, signal.SIGKILL)

    # --- eyes

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return control.ask(self.data / "agent.sock", command, arguments)

    def ask_soon(self, command: str, **arguments: Any) -> dict[str, Any]:
        """An agent that dies while it is asked has nothing to say."""
        try:
            return self.ask(command, **arguments)
        except (control.NotRunningError, OSError):
            return {}

    def active(self) -> dict[str, Any]:
        """What stands in document.json."""
        found: dict[str, Any] = json.loads((self.runtime / "document.json").read_bytes())
        return found

    def health(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self.runtime / "health.json").read_bytes())
        return found

    def state(self) -> State:
        store = Store.open(self.data / "agent.db", read_only=True)
        try:
            return store.load_state()
        finally:
            store.close()

    def state_after_crash(self) -> State:
        """As the command line reads it: an interrupted write is rolled back first."""
        store = Store.open(self.data / "agent.db")
        try:
            return store.load_state()
        finally:
            store.close()

    def runtime_is_gone(self) -> bool:
        pid = self.runtime_pid()
        return pid is None or not self._is_our_runtime(pid)

    def wait_asked(
        self, holds: Callable[[dict[str, Any]], Any], command: str = "status", within_s: float = 20.0
    ) -> dict[str, Any]:
        """Ask until the answer holds; for what the cloud cannot see."""
        pause = threading.Event()
        answer: dict[str, Any] = {}
        for _ in range(int(within_s / 0.05)):
            answer = self.ask_soon(command)
            if answer and holds(answer):
                return answer
            pause.wait(0.05)
        raise AssertionError(f"it never held: {answer}")

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        return subprocess.run(
            [sys.executable, "-m", "edge_agent", "--data", str(self.data), *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=env,
            check=False,
            timeout=60,
        )
