"""The driver between the agent and one thing that is configured: files, a reload, a health report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from edge_agent.durable import write_durably
from edge_agent.process import Exited, Supervised
from edge_agent.settings import DriverSettings
from edge_agent.states import Reason
from edge_protocol.canonical import canonical

VALIDATOR_TRIES = 3
MOST_HEALTH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stamp:
    """Tells one state of a file from another."""

    inode: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return cls(found.st_ino, found.st_mtime_ns, found.st_size)


class ProcessDriver:
    """The shipped driver: `document.json`, SIGHUP or a command, `health.json` or a command."""

    def __init__(self, settings: DriverSettings, post: Callable[[Exited], None]) -> None:
        self.settings = settings
        self.document_file = settings.directory / "document.json"
        self.health_file = settings.directory / "health.json"
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [self._filled(part) for part in settings.start or ()]
        started = Supervised(settings.name, settings.directory, command, post, self.health_file)
        self.process = started if command else None
        self._written: Stamp | None = None
        self._health_stamp: Stamp | None = None
        self._health: dict[str, Any] | None = None

    def _filled(self, part: str, file: Path | None = None) -> str:
        return part.replace("{directory}", str(self.settings.directory)).replace("{file}", str(file or ""))

    # --- configuration in

    def validate(self, document: Mapping[str, Any]) -> Reason | None:
        """Ask the configured program; silent three times over, it is a refusal. Runs beside the reducer."""
        command = self.settings.validate
        if command is None:
            return None
        file = self.settings.directory / f".candidate-{os.getpid()}.json"
        file.write_bytes(canonical(document))
        filled = [self._filled(part, file) for part in command]
        if not any("{file}" in part for part in command):
            filled.append(str(file))
        reason = None
        for _ in range(VALIDATOR_TRIES):
            reason = self._ask(filled)
            if reason is None or reason.code != "validator_silent":
                break
        file.unlink(missing_ok=True)
        return reason

    def _ask(self, command: list[str]) -> Reason | None:
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=self.settings.validate_timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Reason("validator_silent", f"no answer within {self.settings.validate_timeout_s:.0f} s")
        except OSError as error:
            return Reason("validator_silent", f"{command[0]} cannot be started: {error}")
        if done.returncode == 0:
            return None
        if done.returncode < 0:
            return Reason("validator_silent", f"it was ended by signal {-done.returncode}")
        return Reason("validator", _first_error(done.stdout) or done.stderr.decode("utf-8", "replace")[-500:])

    def write(self, document: Mapping[str, Any]) -> None:
        """Put the whole document in place, durably. Errors: OSError; then the old one still stands."""
        write_durably(self.document_file, canonical(document), point="document")
        self._written = Stamp.of(self.document_file)

    def content(self) -> dict[str, Any] | None:
        """What stands in the file now, None where nothing readable does."""
        try:
            body = orjson.loads(self.document_file.read_bytes())
        except (OSError, ValueError):
            return None
        return body if isinstance(body, dict) else None

    def adopt_file(self) -> None:
        self._written = Stamp.of(self.document_file)

    def was_touched(self) -> bool:
        """Whether somebody else changed the file since it was written."""
        return self._written is not None and Stamp.of(self.document_file) != self._written

    def reload(self) -> None:
        """Tell the program to take the file in. A program that only just starts reads it anyway."""
        if self.settings.reload is not None:
            command = [self._filled(part, self.document_file) for part in self.settings.reload]
            subprocess.run(command, timeout=self.settings.validate_timeout_s, check=False)
        elif self.process is not None:
            self.process.signal(signal.SIGHUP)

    # --- the program

    def ensure_running(self) -> None:
        """Errors: OSError when it cannot be started."""
        if self.process is not None:
            self.process.ensure()

    def restart(self) -> None:
        """End it the hard way; its exit starts it again."""
        if self.process is not None and not self.process.signal(signal.SIGKILL):
            self.ensure_running()

    def stop(self) -> None:
        """Ask it to end, at the end of the agent; the caller waits for the exit and insists."""
        if self.process is not None:
            self.process.signal(signal.SIGTERM)

    def log_tail(self) -> str:
        return self.process.log_tail() if self.process is not None else ""

    # --- health out

    def health(self) -> dict[str, Any] | None:
        """The newest report, None before the first. Cheap when nothing changed."""
        if self.settings.health is not None:
            return self._asked_health()
        stamp = Stamp.of(self.health_file)
        if stamp is None:
            self._health = None
        elif stamp != self._health_stamp:
            self._health = _read_health(self.health_file)
        self._health_stamp = stamp
        return self._health

    def _asked_health(self) -> dict[str, Any] | None:
        command = [self._filled(part) for part in self.settings.health or ()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=5, check=False)
            body = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        return body if isinstance(body, dict) else None


def _read_health(path: Path) -> dict[str, Any] | None:
    """A report that cannot be read is no report: the cycle then looks silent, which it is to us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            body = json.loads(file.read(MOST_HEALTH_BYTES))
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def _first_error(output: bytes) -> str:
    try:
        errors = json.loads(output).get("errors") or []
    except (ValueError, AttributeError):
        return output.decode("utf-8", "replace")[-500:]
    return "; ".join(f"{e.get('path', '')}: {e.get('rule', '')}: {e.get('detail', '')}" for e in errors[:3])
