"""Named timers on the monotonic clock: the reducer waits until the next one or the next message."""

from __future__ import annotations

from collections.abc import Callable


class Timers:
    """At most one due time per name; setting again moves it. Seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def later(self, name: str, seconds: float) -> None:
        self._due[name] = self._clock() + max(0.0, seconds)

    def sooner(self, name: str, seconds: float) -> None:
        """As `later`, unless it is due even earlier."""
        due = self._clock() + max(0.0, seconds)
        self._due[name] = min(due, self._due.get(name, due))

    def cancel(self, name: str) -> None:
        self._due.pop(name, None)

    def left_s(self, name: str) -> float | None:
        return None if name not in self._due else max(0.0, self._due[name] - self._clock())

    def wait_s(self, most: float) -> float:
        return min([most, *(max(0.0, due - self._clock()) for due in self._due.values())])

    def due(self) -> list[str]:
        """Names whose time has come, earliest first; they are forgotten with this call."""
        now = self._clock()
        names = sorted((name for name, due in self._due.items() if due <= now), key=self._due.__getitem__)
        for name in names:
            del self._due[name]
        return names
