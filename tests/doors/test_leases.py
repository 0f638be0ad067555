"""The processes together never exceed a limit, whatever the order of leases and spending."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doors.leases import Empty, Granted, Leases, Limit, Short, Spent, Wanted

LIMIT = Limit(burst=20, per_second=1, block=4, lease_seconds=5)
WANTED = (Wanted("key:a", LIMIT),)


@dataclass
class DatabaseBucket:
    """The arithmetic of `lease_tokens`, for the law below."""

    limit: Limit
    tokens: float = field(init=False)
    refilled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.limit.stored_capacity

    def lease(self, key: str, at: float) -> Granted:
        rise = self.limit.per_second * (at - self.refilled_at)
        self.tokens = min(self.limit.stored_capacity, self.tokens + rise)
        self.refilled_at = at
        granted = int(min(self.limit.block, self.tokens))
        if granted < 1:
            return Granted(key, 0, (1 - self.tokens) / self.limit.per_second)
        self.tokens -= granted
        return Granted(key, granted, 0.0)


def attempt(leases: Leases, bucket: DatabaseBucket, at: float) -> bool:
    verdict = leases.spend(WANTED, at)
    if isinstance(verdict, Short):
        leases.take_in([bucket.lease(each.key, at) for each in verdict.wanted], {"key:a": LIMIT}, at)
        verdict = leases.spend(WANTED, at)
    return isinstance(verdict, Spent)


@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 8, allow_nan=False)), min_size=1, max_size=150)
)
def test_three_processes_together_stay_within_burst_and_rate(steps: list[tuple[int, float]]) -> None:
    processes, bucket = [Leases() for _ in range(3)], DatabaseBucket(LIMIT)
    now, spent_at = 0.0, []
    for process, pause in steps:
        now += pause
        if attempt(processes[process], bucket, now):
            spent_at.append(now)
    for first, start in enumerate(spent_at):
        for last in range(first, len(spent_at)):
            window = spent_at[last] - start
            assert last - first + 1 <= LIMIT.burst + LIMIT.per_second * window + 1e-6


def test_one_process_may_use_what_is_stored() -> None:
    leases, bucket = Leases(), DatabaseBucket(LIMIT)
    assert [attempt(leases, bucket, 0.0) for _ in range(16)] == [True] * 15 + [False]


def test_a_refused_bucket_is_not_asked_again_before_its_time() -> None:
    leases = Leases()
    leases.take_in([Granted("key:a", 0, 2.5)], {"key:a": LIMIT}, 100.0)
    assert leases.spend(WANTED, 101.0) == Empty("key:a", 2)
    assert leases.spend(WANTED, 102.6) == Short(WANTED)


def test_nothing_is_taken_unless_all_is_there() -> None:
    leases = Leases()
    other = Wanted("org:b", LIMIT)
    leases.take_in([Granted("key:a", 1, 0)], {"key:a": LIMIT}, 0.0)
    assert leases.spend((*WANTED, other), 0.0) == Short((other,))
    assert leases.spend(WANTED, 0.0) == Spent()


@pytest.mark.parametrize("late_by", [0.0, 0.1, 100.0])
def test_an_ended_lease_is_worth_nothing(late_by: float) -> None:
    leases = Leases()
    leases.take_in([Granted("key:a", 4, 0)], {"key:a": LIMIT}, 10.0)
    assert leases.spend(WANTED, 15.0 + late_by) == Short(WANTED)


def test_a_second_lease_does_not_prolong_the_first() -> None:
    leases = Leases()
    leases.take_in([Granted("key:a", 4, 0)], {"key:a": LIMIT}, 10.0)
    leases.take_in([Granted("key:a", 4, 0)], {"key:a": LIMIT}, 14.0)
    assert leases.spend(WANTED, 15.0) == Short(WANTED)
