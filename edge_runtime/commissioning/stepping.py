"""The step test: a battery gives and takes a little; what it and the grid meter then show is judged.

The same small step goes in both directions, with rests between: what the house does by itself in the meantime
cancels out as far as it is steady, and is noticed as far as it is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge_runtime.commissioning.findings import FAILED, OPEN, PASSED, DeviceRecord, Step

LOWEST_FACTOR: Final = 0.8
HIGHEST_FACTOR: Final = 1.25
DEAD_FACTOR: Final = 0.2
QUIET_SHARE: Final = 0.3
"""The house may change by this share of the step while it lasts; else the step says nothing of the meter."""
TRIES: Final = 3
TOO_MUCH: Final = 2.0

Shown = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the test needs of a battery: ask it for a power, then read it and the grid meter, in watts."""

    ask: Callable[[float], bool]
    read: Callable[[], Shown]


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, as shares of what was asked; None where it cannot be told.

    Right is 1 for both: the battery shows what it was told, and the import falls by as much.
    """

    ess: float | None
    grid: float | None
    unrest_watts: float = 0.0


def step_test(bench: Bench, record: DeviceRecord, watts: int, *, up: bool, down: bool) -> Response | None:
    """Try until the house was quiet enough; None where the battery did not take the set-points.

    `up` and `down` say which directions its charge allows.
    """
    response = None
    for _ in range(TRIES):
        steps = list(_steps(bench, watts, up=up, down=down))
        record.steps = steps
        if any(math.isnan(step.asked_watts) for step in steps):
            return None
        response = _response(steps)
        if response.unrest_watts <= QUIET_SHARE * watts:
            break
    return response


def judge(response: Response, record: DeviceRecord, watts: int) -> None:
    """Sign and scale of the battery's own reading, of its set-point, and of the meter beside it."""
    ess, grid = response.ess, response.grid
    noisy = response.unrest_watts > QUIET_SHARE * watts
    if ess is None:
        record.add("battery reading", FAILED, "it shows no power while it is driven")
    else:
        record.add("battery reading", *_verdict(ess, "its own reading"))
    if grid is None:
        record.add("grid meter", OPEN, "no grid meter shows a power: nothing can be compared")
    elif noisy:
        unrest = f"the house's own use changed by {response.unrest_watts:.0f} W during steps of {watts} W"
        record.add("grid meter", OPEN, f"{unrest}: repeat when it is quiet, or with more --power")
    else:
        record.add("grid meter", *_verdict(grid, "the grid"))
        record.add("signs together", *_together(ess, grid))


def _steps(bench: Bench, watts: int, *, up: bool, down: bool) -> Iterator[Step]:
    """Ends at once, back at rest, when far more moves than was asked."""
    for asked in (0, *((watts, 0) if up else ()), *((-watts, 0) if down else ())):
        if not bench.ask(asked):
            yield Step(math.nan, None, None)
            return
        step = Step(asked, *bench.read())
        yield step
        if step.ess_watts is not None and abs(step.ess_watts) > TOO_MUCH * watts:
            bench.ask(0)
            return


def _response(steps: list[Step]) -> Response:
    ess = _share([(step.asked_watts, step.ess_watts) for step in steps])
    grid = _share([(step.asked_watts, step.grid_watts) for step in steps])
    rests = [step.grid_watts for step in steps if step.asked_watts == 0 and step.grid_watts is not None]
    unrest = max(rests) - min(rests) if rests else 0.0
    return Response(ess, None if grid is None else -grid, unrest if grid is not None else 0.0)


def _share(shown: list[tuple[float, float | None]]) -> float | None:
    """The mean of (change of what is shown) / (change of what was asked) over the steps from and to rest."""
    pairs = [
        (after[0] - before[0], after[1] - before[1])
        for before, after in pairwise(shown)
        if before[1] is not None and after[1] is not None
    ]
    return sum(change / step for step, change in pairs) / len(pairs) if pairs else None


def _verdict(share: float, what: str) -> tuple[str, str]:
    """Of one share, in words: does it move, the right way, by the right amount?"""
    percent = f"{what} moves by {100 * share:.0f} % of what was asked"
    if abs(share) < DEAD_FACTOR:
        return FAILED, f"{percent}: it does not follow{_ten_hint(share)}"
    if share < 0:
        return FAILED, f"{percent}: the wrong way round"
    if not LOWEST_FACTOR <= share <= HIGHEST_FACTOR:
        return FAILED, f"{percent}: the scale is wrong{_ten_hint(share)}"
    return PASSED, percent


def _ten_hint(share: float) -> str:
    power = round(math.log10(abs(share))) if share else 0
    near = power != 0 and LOWEST_FACTOR <= abs(share) / 10.0**power <= HIGHEST_FACTOR
    return f" (by a factor of {10.0**power:g}: a scale factor or a unit)" if near else ""


def _together(ess: float | None, grid: float) -> tuple[str, str]:
    if ess is None or abs(ess) < DEAD_FACTOR or abs(grid) < DEAD_FACTOR:
        return OPEN, "one of the two did not move: nothing can be said"
    if ess > 0 and grid > 0:
        return PASSED, "a positive set-point discharges, and lowers the import"
    if ess > 0:
        return (
            FAILED,
            "the meter counts the wrong way round, or the battery does the opposite of what it shows",
        )
    if grid > 0:
        return FAILED, "the battery does what it is told and shows it the wrong way round"
    return FAILED, "the battery does the opposite of what it is told: the set-point's sign is wrong"
