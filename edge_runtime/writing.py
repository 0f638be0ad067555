"""Writing beside the cycle: a device that does not take its writes costs the others no time.

Where drivers give up by themselves, each write runs in a thread of its own and the cycle waits for a part of
its period, or for twice what the device is known to need: slow is an overrun, deaf is not. A device that
failed to take one is not waited for at all, and is tried again seldom.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

SHARE_OF_A_PERIOD: Final = 0.5
USUAL_TIMES: Final = 2
MOST_AT_ONCE: Final = 128
RETRY_STEP_S: Final = 2.0
RETRY_CAP_S: Final = 300.0


def back_off_s(failures: int) -> float:
    """How long a device is left alone after so many failures in a row (config-model.md)."""
    return min(RETRY_STEP_S * failures, RETRY_CAP_S)


class Beside:
    """Threads for writes. `patience_s` is how long a cycle waits for one, `longest_s` for a slow device."""

    def __init__(self) -> None:
        self.patience_s = self.longest_s = 0.0
        self._pool = ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="write")

    def begin(self, write: Callable[[], bool]) -> Future[bool]:
        return self._pool.submit(write)

    def close(self) -> None:
        self._pool.shutdown(wait=False)


class Pen:
    """The writes of one device, one at a time. `unheard`: why the last got no answer; no read clears it."""

    def __init__(self, beside: Beside | None = None) -> None:
        self.unheard: str | None = None
        self._beside = beside
        self._end: Future[bool] | None = None
        self._failures = 0
        self._again_at_s = 0.0
        self._takes_s = 0.0

    @property
    def is_busy(self) -> bool:
        return self._end is not None and not self._end.done()

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._again_at_s

    def failed(self, why: str, now_s: float) -> None:
        self.unheard = why
        self._failures += 1
        self._again_at_s = now_s + back_off_s(self._failures)

    def heard(self) -> None:
        self.unheard = None
        self._failures = 0
        self._again_at_s = 0.0

    def run(self, write: Callable[[], bool]) -> bool:
        """What `write` says; False while one is under way. Errors: what a driver throws."""
        if self.is_busy:
            return False
        before, self._end = self._end, None
        if before is not None:
            before.result()
        if self._beside is None:
            return write()
        end = self._end = self._beside.begin(lambda: self._timed(write))
        known_s = min(USUAL_TIMES * self._takes_s, self._beside.longest_s)
        wait([end], timeout=0.0 if self.unheard else max(self._beside.patience_s, known_s))
        return end.done() and end.result()

    def _timed(self, write: Callable[[], bool]) -> bool:
        begun_s = time.monotonic()
        taken = write()
        if taken:
            self._takes_s = time.monotonic() - begun_s
        return taken
