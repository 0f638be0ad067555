"""When a device that lacks a point is laid out anew: what it lacks while it boots, it has later."""

from __future__ import annotations

from typing import Final

FIRST_AFTER_S: Final = 10.0
LATEST_AFTER_S: Final = 3600.0


class SecondLook:
    """Each time twice as late: nothing is overlooked for longer than it was away, and nobody is pestered."""

    def __init__(self) -> None:
        self._wait_s = FIRST_AFTER_S
        self._at_s: float | None = None

    def is_due(self, now_s: float) -> bool:
        """Asked as long as something is missing."""
        if self._at_s is None:
            self._at_s = now_s + self._wait_s
        if now_s < self._at_s:
            return False
        self._wait_s = min(2 * self._wait_s, LATEST_AFTER_S)
        self._at_s = now_s + self._wait_s
        return True
