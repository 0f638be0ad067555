"""How long to wait after a failure, per kind of call: backoff, and the server's own wish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from edge_agent.road import BusyError, NotTheServerError, RefusedError, TlsError, UnreachableError
from edge_agent.tempo import Uniform, backoff_s

# Failures of the road itself: when one call gets through again, the others need not wait any longer.
ROAD_DOWN = (UnreachableError, TlsError, NotTheServerError)


class Patience:
    """Counts failures per call and remembers before when it must not be made. Seconds are monotonic."""

    def __init__(self, clock: Callable[[], float], uniform: Uniform) -> None:
        self._clock = clock
        self._uniform = uniform
        self._failures: Counter[str] = Counter()
        self._not_before_s: dict[str, float] = {}
        self._road_down: set[str] = set()

    def failed(self, name: str, error: Exception, cap_s: float) -> float:
        """Seconds to wait: a plain no is asked again at the usual time only, everything else backs off."""
        self._failures[name] += 1
        if isinstance(error, ROAD_DOWN):
            self._road_down.add(name)
        if isinstance(error, RefusedError):
            return cap_s
        floor_s = error.retry_after_s if isinstance(error, BusyError) else 0.0
        self._not_before_s[name] = self._clock() + floor_s
        return backoff_s(self._failures[name], cap_s, self._uniform, floor_s)

    def worked(self, name: str) -> None:
        """The call did what it should: its count starts again."""
        self._failures.pop(name, None)
        self._not_before_s.pop(name, None)

    def road_is_back(self) -> set[str]:
        """Names of calls that only waited for the road; each is named once."""
        waiting, self._road_down = self._road_down, set()
        for name in waiting:
            self.worked(name)
        return waiting

    def least_wait_s(self, name: str) -> float:
        """What the server asked for counts against hints too."""
        return max(0.0, self._not_before_s.get(name, 0.0) - self._clock())
