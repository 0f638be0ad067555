"""What wakes the supervisor: signals and other threads, through one pipe.

`signal.set_wakeup_fd` writes each signal's number; other threads write a zero. Nothing is set inside a signal
handler, so no lock can be held there.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Final, Self

RING: Final = 0


class Bell:
    """Waits for the next ring. Made in the main thread before anything slow, so that no signal is lost."""

    def __init__(self, *signals: signal.Signals) -> None:
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, _heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._reader)
        os.close(self._writer)

    def ring(self) -> None:
        os.write(self._writer, bytes([RING]))

    def wait(self, seconds: float) -> set[int]:
        """The signal numbers that arrived (RING for a thread's), at the latest after so many seconds."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        return set(os.read(self._reader, 4096)) if ready else set()


def _heard(number: int, frame: FrameType | None) -> None:
    """The wake-up pipe has the number already."""
