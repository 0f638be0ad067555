"""The real runtime with a controller that breaks: what a bug in a new controller does to a cycle.

Only a document that names the class meets the fault; `none`, `crash`, `die` or `hang` says which one it is.
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

CYCLES_BEFORE_THE_CRASH = 6


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
    "die": (CYCLES_BEFORE_THE_CRASH, _die),
    "hang": (CYCLES_BEFORE_THE_CRASH, _hang),
}

if __name__ == "__main__":
    after, fault = FAULTS[sys.argv.pop(1)]
    makers = cast("dict[str, Any]", classes._MAKERS)
    real = makers["FixActivePowerController"]
    makers["FixActivePowerController"] = lambda entry: _Breaking(real(entry), after, fault)
    sys.exit(main())
