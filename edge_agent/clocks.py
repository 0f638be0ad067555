"""The clocks of an edge: wall time for reports and dates, monotonic time with a boot id for every timer."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from edge_agent.states import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock:
    """The machine's own clocks. Tests hand in another one with the same four methods."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Monotonic seconds that go on while the machine sleeps, where the system can tell them."""
        return time.clock_gettime(_STEADY)

    def os_boot(self) -> str:
        return os_boot_id()

    def moment(self) -> Moment:
        return Moment(self.os_boot(), self.seconds(), stamp(self.wall()))


_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def stamp(at: datetime) -> str:
    """RFC 3339 with milliseconds: events of one second keep their order for people."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@cache
def os_boot_id() -> str:
    """Names this boot of the operating system (Linux's boot id, the boot time elsewhere)."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
    if sys.platform == "darwin":
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return str(round(time.time() - time.monotonic(), -1))
