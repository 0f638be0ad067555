"""Questions that come together share a trip, and nobody is answered from the past."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from sync_api.batch import Batch
from sync_api.sequence import Heard, Sequence


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))  # type: ignore[arg-type]


def test_questions_gather_while_a_trip_is_under_way() -> None:
    async def scenario() -> None:
        trips: list[list[int]] = []
        arrived = asyncio.Event()

        async def fetch(keys: list[int]) -> Mapping[int, int]:
            trips.append(keys)
            await arrived.wait()
            return {key: key * 10 for key in keys if key != 4}

        batch = Batch(fetch, most=3, trips=1)
        first = asyncio.create_task(batch.ask(1))
        await asyncio.sleep(0)
        others = [asyncio.create_task(batch.ask(key)) for key in (2, 3, 2, 4, 5, 1)]
        await asyncio.sleep(0)
        arrived.set()
        assert await first == 10
        assert await asyncio.gather(*others) == [20, 30, 20, None, 50, 10]
        # 1 was asked again after the first trip had begun: it is fetched again.
        assert trips == [[1], [2, 3, 4], [5, 1]]

    run(scenario)


def test_a_failed_trip_fails_for_all_who_asked_and_the_next_is_another() -> None:
    async def scenario() -> None:
        trips = 0

        async def fetch(keys: list[int]) -> Mapping[int, int]:
            nonlocal trips
            trips += 1
            if trips == 1:
                raise ConnectionError
            return dict.fromkeys(keys, 7)

        batch = Batch(fetch, most=10, trips=1)
        failed = await asyncio.gather(batch.ask(1), batch.ask(2), return_exceptions=True)
        assert [type(each) for each in failed] == [ConnectionError, ConnectionError]
        assert await batch.ask(1) == 7

    run(scenario)


def test_one_who_leaves_does_not_take_the_question_along() -> None:
    async def scenario() -> None:
        arrived = asyncio.Event()

        async def fetch(keys: list[int]) -> Mapping[int, int]:
            await arrived.wait()
            return dict.fromkeys(keys, 7)

        batch = Batch(fetch, most=10, trips=1)
        leaving, staying = (asyncio.create_task(batch.ask(1)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        arrived.set()
        assert await staying == 7

    run(scenario)


@pytest.mark.parametrize(
    ("last", "number", "heard", "then"),
    [
        (5, 6, Heard.NEXT, 6),
        (5, 7, Heard.GAP, 7),
        (5, 5, Heard.OLD, 5),
        (5, 1, Heard.OLD, 5),
        (0, 1, Heard.NEXT, 1),
    ],
)
def test_numbers_tell_what_was_missed(last: int, number: int, heard: Heard, then: int) -> None:
    sequence = Sequence()
    sequence.restart(last)
    assert sequence.hear(number) is heard
    assert sequence.last == then
