"""The demo's child processes: started in one place, ended in one place, also after a killed run."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

STOP_SECONDS = 15.0
RECORD = "processes.json"


class ChildFailedError(Exception):
    """A child ended with an error; the text carries the end of its log."""

    def __init__(self, name: str, status: int, log: str) -> None:
        super().__init__(f"{name} ended with status {status}:\n{log}")


class Processes:
    """Children by name, with a log file each and a record on disk that a later run can clean up from."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.record = directory / RECORD
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `python arguments...` as a group of its own, so that Ctrl-C reaches only the demo."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._write_record()

    def run(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a command to its end; ChildFailedError with the end of its log when it fails."""
        self.start(name, arguments, environment)
        status = self.children.pop(name).wait()
        self._write_record()
        if status != 0:
            raise ChildFailedError(name, status, self.log_tail(name))

    def stop(self, name: str) -> None:
        """End one child and whatever it started; wait until it is gone."""
        child = self.children.pop(name)
        end_family(psutil.Process(child.pid) if child.poll() is None else None)
        child.wait()
        self._write_record()

    def stop_all(self) -> None:
        for name in reversed(list(self.children)):
            self.stop(name)
        self.record.unlink(missing_ok=True)

    def ended(self) -> list[str]:
        """Names of children that are gone though nobody stopped them."""
        return [name for name, child in self.children.items() if child.poll() is not None]

    def log_tail(self, name: str, lines: int = 15) -> str:
        text = (self.logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _write_record(self) -> None:
        entries = []
        for child in self.children.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                entries.append((child.pid, psutil.Process(child.pid).create_time()))
        self.record.write_text(json.dumps(entries))


def end_left_over(directory: Path) -> int:
    """End what a killed run recorded in `directory`; answers how many processes that were.

    A pid alone could be somebody else's by now, so the start time must match as well.
    """
    record = directory / RECORD
    if not record.exists():
        return 0
    left = 0
    for pid, started_at in json.loads(record.read_text()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if abs(process.create_time() - started_at) < 1.0:
                end_family(process)
                left += 1
    record.unlink()
    return left


def end_family(process: psutil.Process | None) -> None:
    """SIGTERM to a process, SIGKILL to what is left of its family after STOP_SECONDS."""
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for survivor in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()


def free_port(preferred: int) -> int:
    """The preferred loopback port when nobody holds it, else one that the kernel names."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "no free port on 127.0.0.1"
    raise RuntimeError(message)
