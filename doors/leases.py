"""Token buckets that hold across processes, without a database write per request.

A bucket lives in the database. A process leases a block of tokens from it and spends them from memory; what
it has not spent when the lease ends is lost. So the processes together may refuse early and never exceed.

Proof of "never": in any window of w seconds tokens are spent only from leases granted in the w + LEASE
seconds before its end, and those are at most `stored capacity + per_second * (w + LEASE)`. The stored
capacity is therefore the limit's burst minus `per_second * LEASE`, which leaves `burst + per_second * w`.
"""

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Leases kept in memory before the ended ones are swept out.
SWEEP_ABOVE = 50_000


@dataclass(frozen=True)
class Limit:
    """`burst` tokens at most, refilled at `per_second`.

    They are leased `block` at a time for `lease_seconds`; 0: each is asked for directly.
    """

    burst: float
    per_second: float
    block: int = 1
    lease_seconds: float = 0.0

    @property
    def stored_capacity(self) -> float:
        return max(1.0, self.burst - self.per_second * self.lease_seconds)


@dataclass(frozen=True)
class Wanted:
    """One token of the bucket `key` under `limit`."""

    key: str
    limit: Limit


@dataclass(frozen=True)
class Granted:
    """What the database gave: `tokens` (0: none, and none before `wait_seconds`)."""

    key: str
    tokens: int
    wait_seconds: float


@dataclass
class _Held:
    tokens: int
    ends_at: float
    refused_until: float


@dataclass(frozen=True)
class Spent:
    """Every wanted token was there and is taken."""


@dataclass(frozen=True)
class Short:
    """These buckets must be asked for a lease first; nothing was taken."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True)
class Empty:
    """A bucket refuses for `retry_seconds` more; nothing was taken."""

    key: str
    retry_seconds: int


class Leases:
    """The tokens that this process holds, shared by its threads. `at` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}  # guarded by _lock
        self._lock = threading.Lock()

    def spend(self, wanted: Sequence[Wanted], at: float) -> Spent | Short | Empty:
        """Take one token of every wanted bucket, or none at all."""
        with self._lock:
            short = []
            for each in wanted:
                held = self._held.get(each.key)
                if held is not None and held.refused_until > at:
                    return Empty(each.key, max(1, math.ceil(held.refused_until - at)))
                if held is None or held.tokens < 1 or held.ends_at <= at:
                    short.append(each)
            if short:
                return Short(tuple(short))
            for each in wanted:
                self._held[each.key].tokens -= 1
            return Spent()

    def take_in(self, granted: Iterable[Granted], limits: dict[str, Limit], asked_at: float) -> None:
        """Add what the database granted. A lease's time counts from when it was asked for."""
        with self._lock:
            if len(self._held) > SWEEP_ABOVE:
                self._sweep(asked_at)
            for grant in granted:
                self._add(grant, limits[grant.key], asked_at)

    def _add(self, grant: Granted, limit: Limit, asked_at: float) -> None:
        held = self._held.get(grant.key)
        # A direct limit holds its token for the request that asked, and for no other.
        ends_at = asked_at + (limit.lease_seconds or 1.0)
        left = held.tokens if held is not None and held.ends_at > asked_at else 0
        refused_until = asked_at + grant.wait_seconds if grant.tokens < 1 and left < 1 else 0.0
        # Two threads may have asked at once: the older lease's tokens end with the older lease.
        if left and held is not None:
            ends_at = min(ends_at, held.ends_at)
        self._held[grant.key] = _Held(left + grant.tokens, ends_at, refused_until)

    def _sweep(self, at: float) -> None:
        self._held = {
            key: held for key, held in self._held.items() if held.ends_at > at or held.refused_until > at
        }

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
