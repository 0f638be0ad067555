"""Named points at which a test may ask the process to die, by SIGKILL, as a power cut would.

`EMS_AGENT_FAULT=<name>[#<n>]` names one point and which pass over it is the last (the first by default).
Without the variable `reach` only counts. NAMES lists every point, so that a test can run all of them.
"""

import os
import signal
from collections import Counter

# Every write that a state of the lifecycle goes through, in the order of its table; one more for
# each thing that is written outside the database.
WRITES = (
    "seen",
    "offered",
    "fetched",
    "verified",
    "rejected",
    "staged",
    "applying",
    "probation",
    "committed",
    "unchanged",
    "rolling_back",
    "rolled_back",
    "safe_mode",
    "booted",
    "state",
    "freshened",
    "trust_root",
    "hold",
    "outbox",
    "outbox_drop",
    "request_done",
    "pruned",
    "second_floor",
    "second_version",
    "document",
    "runtime_start",
    "key_candidate",
    "key_promoted",
    "enroll_nonce",
    "enroll_key",
    "enroll_settings",
    "rebuilt",
)
NAMES = tuple(f"{side}:{write}" for write in WRITES for side in ("before", "after"))

_passes: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here if the environment asks for it. Errors: KeyError for a name that NAMES does not list."""
    if name not in NAMES:
        raise KeyError(f"{name} is not a fault point")
    wanted = os.environ.get("EMS_AGENT_FAULT", "")
    if not wanted.startswith(name):
        return
    point, _, count = wanted.rpartition("#") if "#" in wanted else (wanted, "", "1")
    if point != name:
        return
    _passes[name] += 1
    if _passes[name] >= int(count):
        os.kill(os.getpid(), signal.SIGKILL)
