"""Many questions that come at once, one trip to the database."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Batch(Generic[Key, Value]):
    """While `trips` trips are under way, questions gather for the next.

    Every answer comes from a trip that began after its question was asked, so nobody is answered from the
    past.
    """

    def __init__(
        self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], *, most: int, trips: int
    ) -> None:
        self._fetch = fetch
        self._most, self._trips = most, trips
        self._asked: dict[Key, asyncio.Future[Value | None]] = {}
        self._travelling: set[asyncio.Task[None]] = set()  # holds them: the loop alone would not
        self._under_way = 0

    async def ask(self, key: Key) -> Value | None:
        """The value, or None when the database has none. Raises what the trip raised."""
        future = self._asked.get(key)
        if future is None:
            future = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._under_way < self._trips:
            self._under_way += 1
            trip = asyncio.get_running_loop().create_task(self._travel())
            self._travelling.add(trip)
            trip.add_done_callback(self._travelling.discard)
        # Shielded: one client that leaves must not cancel the question for the others.
        return await asyncio.shield(future)

    async def _travel(self) -> None:
        try:
            await self._carry()
        finally:
            self._under_way -= 1

    async def _carry(self) -> None:
        while self._asked:
            taken = {key: self._asked.pop(key) for key in list(self._asked)[: self._most]}
            try:
                answers = await self._fetch(list(taken))
            except Exception as failed:  # noqa: BLE001 - not swallowed: raised again by everyone who asked
                self._fail(taken, failed)
                continue
            for key, future in taken.items():
                future.set_result(answers.get(key))

    def _fail(self, taken: Mapping[Key, "asyncio.Future[Value | None]"], failed: Exception) -> None:
        for future in taken.values():
            future.set_exception(failed)
            future.exception()  # marks it as seen: its askers may have left
