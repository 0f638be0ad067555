"""Slow work beside the reducer: one thread, one queue in; every result goes back as one message."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_agent.road import RoadError


@dataclass(frozen=True, slots=True)
class Done:
    """`result` of the job `name`, or the anticipated error that ended it."""

    name: str
    result: Any
    error: Exception | None


class Workbench:
    """Runs jobs in order. An error that is not anticipated is a bug: it ends the agent, whole and logged."""

    def __init__(
        self, name: str, post: Callable[[object], None], anticipated: tuple[type[Exception], ...]
    ) -> None:
        self._post = post
        self._anticipated = anticipated
        self._jobs: queue.SimpleQueue[tuple[str, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._jobs.put(None)

    def submit(self, name: str, job: Callable[[], Any]) -> None:
        self._jobs.put((name, job))

    def _work(self) -> None:
        while (taken := self._jobs.get()) is not None:
            name, job = taken
            try:
                self._post(Done(name, job(), None))
            except self._anticipated as error:
                self._post(Done(name, None, error))
            except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
                self._post(Crashed(name, error))


@dataclass(frozen=True, slots=True)
class Crashed:
    name: str
    error: Exception


CLOUD_ERRORS: tuple[type[Exception], ...] = (RoadError, OSError)
