"""The real runtime with a controller that breaks: what a bug in a new controller does to a cycle.

Only the controller of this id meets the fault; the first argument says which one it is.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

from edge_runtime import classes
from edge_runtime.cli import main
from edge_runtime.controllers import Controller, Inputs
from edge_runtime.interval import Interval

BROKEN_ID = "ctrlFix0"
SOON, LATE, LATER = 6, 20, 60  # cycles


class _Breaking:
    """Drives the battery as the real one does, until it breaks."""

    needs_grid = False

    def __init__(self, real: Controller, after: int, fault: Callable[[], object]) -> None:
        self._real, self._left, self._fault = real, after, fault

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        if self._left == 0:
            self._fault()
        self._left -= 1
        return self._real.act(inputs, left)

    def go_on_from(self, before: Controller) -> None:
        del before


def _divide() -> float:
    return 1 / int("0")


def _die() -> None:
    os._exit(3)


def _hang() -> None:
    threading.Event().wait()


FAULTS: dict[str, tuple[int, Callable[[], object]]] = {
    "none": (-1, _hang),
    "crash": (0, _divide),
    "crash-late": (LATE, _divide),
    "crash-later": (LATER, _divide),
    "die-later": (LATER, _die),
    "hang": (SOON, _hang),
}

if __name__ == "__main__":
    after, fault = FAULTS[sys.argv.pop(1)]
    makers = cast("dict[str, Any]", classes._MAKERS)
    real = makers["FixActivePowerController"]

    def make(entry: Any) -> Controller:
        made: Controller = real(entry)
        return _Breaking(made, after, fault) if entry._id == BROKEN_ID else made

    makers["FixActivePowerController"] = make
    sys.exit(main())
