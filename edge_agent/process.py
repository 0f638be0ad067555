"""The process that the agent supervises. It outlives an agent that dies, and the next agent takes it over.

The child inherits a lock that lasts exactly as long as it lives, and writes its own pid before it becomes the
program: so there is never a moment at which a running program could be missed, and never two of them.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.faultpoints import reach

LOG_TAIL_BYTES = 8 * 1024
LOG_MOST_BYTES = 1024 * 1024
PID_WITHIN_S = 5.0

# A hang-up that comes before the program listens to it is ignored, not deadly.
_LAUNCH = 'trap "" HUP; echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Exited:
    """The supervised process is gone. `status` is None when it was started by an earlier agent."""

    name: str
    generation: int
    status: int | None


class Supervised:
    """One program, started at most once at a time. Used by the reducer's thread alone."""

    def __init__(
        self, name: str, directory: Path, command: Sequence[str], post: Callable[[Exited], None], stale: Path
    ) -> None:
        """`stale` is the report of an earlier life: removed before a new one starts."""
        self._name = name
        self._stale = stale
        self._command = list(command)
        self._post = post
        self._lock = directory / "runtime.lock"
        self._pid_file = directory / "runtime.pid"
        self.log = directory / "runtime.log"
        self.generation = 0
        self._alive = False
        self._started_at_byte = 0

    @property
    def alive(self) -> bool:
        return self._alive

    def ensure(self) -> bool:
        """Start it unless it runs; one that an earlier agent left running is taken over.

        Returns whether a new process was started. Errors: OSError (command not found).
        """
        if self._alive:
            return False
        reach("before:runtime_start")
        started = self._start()
        reach("after:runtime_start")
        return started

    def _start(self) -> bool:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            self._watch(None)
            return False
        self._pid_file.unlink(missing_ok=True)
        self._stale.unlink(missing_ok=True)
        try:
            with self.log.open("ab") as log:
                self._started_at_byte = log.tell()
                child = subprocess.Popen(
                    ["/bin/sh", "-c", _LAUNCH, str(self._pid_file), *self._command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(descriptor,),
                    start_new_session=True,
                )
        finally:
            os.close(descriptor)
        self._watch(child)
        return True

    def _watch(self, child: subprocess.Popen[bytes] | None) -> None:
        self.generation += 1
        self._alive = True
        wait = self._wait_for_lock if child is None else child.wait
        thread = threading.Thread(target=self._report, args=(self.generation, wait), daemon=True)
        thread.start()

    def _report(self, generation: int, wait: Callable[[], int | None]) -> None:
        self._post(Exited(self._name, generation, wait()))

    def _wait_for_lock(self) -> None:
        with self._lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)

    def ended(self, exited: Exited) -> bool:
        """Take note of an exit; False when it is news of an earlier process."""
        if exited.generation != self.generation:
            return False
        self._alive = False
        return True

    def pid(self) -> int | None:
        """None while it is only just starting. Errors: none."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, number: signal.Signals) -> bool:
        """Whether there was somebody to tell."""
        pid = self.pid()
        if not self._alive or pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def log_tail(self) -> str:
        """The last 8 KiB of what it wrote since it was started."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(min(self._started_at_byte, size), size - LOG_TAIL_BYTES))
                return log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def trim_log(self) -> None:
        """Keep the log bounded: the child appends, so cutting the file is seen by it at once."""
        if self.log.exists() and self.log.stat().st_size > LOG_MOST_BYTES:
            self.log.with_suffix(".log.1").write_bytes(self.log.read_bytes()[-LOG_MOST_BYTES:])
            os.truncate(self.log, 0)
            self._started_at_byte = 0
