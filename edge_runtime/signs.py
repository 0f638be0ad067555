"""Whether the grid moves against the set-point: what betrays a wrong sign of the battery or of its meter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SMALLEST_MOVE_WATTS: Final = 50.0
ENOUGH_WATTS: Final = 500.0
IN_A_ROW: Final = 3
WITH_IT: Final = (0.7, 1.4)
"""How far the grid moves for each watt of a step where the sign is wrong: about as far, the same way."""
AGAINST_IT: Final = (-1.4, -0.7)
RIGHT_IN_A_ROW: Final = 2


@dataclass(slots=True)
class _Moves:
    """One battery's set-point and what the grid did after each of its steps."""

    before: tuple[float, float] | None = None
    step: float = 0.0
    wrong: int = 0
    right: int = 0
    watts: float = 0.0
    is_wrong: bool = False

    def see(self, grid_watts: float) -> None:
        """The grid as it stands after the last step. A move of the house's own resembles neither, mostly."""
        if self.before is None or abs(self.step) < SMALLEST_MOVE_WATTS:
            return
        share = (grid_watts - self.before[0]) / self.step
        self.right = self.right + 1 if AGAINST_IT[0] <= share <= AGAINST_IT[1] else 0
        agrees = WITH_IT[0] <= share <= WITH_IT[1]
        self.wrong = self.wrong + 1 if agrees else 0
        self.watts = self.watts + abs(self.step) if agrees else 0.0
        if self.wrong >= IN_A_ROW and self.watts >= ENOUGH_WATTS:
            self.is_wrong = True
        elif self.right >= RIGHT_IN_A_ROW:
            self.is_wrong = False


@dataclass(slots=True)
class SignWatch:
    """Fed once a cycle with what the image showed and what was sent. Judged by moves, not by time: a battery
    that has run into its limit because of a wrong sign moves no more, and its alarm stays."""

    _moves: dict[tuple[str, str], _Moves] = field(default_factory=dict)

    def note(self, pair: tuple[str, str], *, grid: float | None, ess: float | None, sent: float) -> None:
        """`pair` is battery and meter; `grid` and `ess` were read before `sent` was sent.

        An unknown one begins anew: then the first step is the one from the power that flows. So does a
        battery that is judged by another meter.
        """
        self._forget(lambda other: other[0] == pair[0] and other != pair)
        moves = self._moves.setdefault(pair, _Moves())
        if grid is None or ess is None:
            moves.before = None
            return
        moves.see(grid)
        moves.step = sent - (ess if moves.before is None else moves.before[1])
        moves.before = (grid, sent)

    def forget(self, ess_id: str) -> None:
        """Nobody drives it any more: what was seen decides nothing."""
        self._forget(lambda pair: pair[0] == ess_id)

    def forget_device(self, device_id: str) -> None:
        """A battery or a meter that is another one now."""
        self._forget(lambda pair: device_id in pair)

    def _forget(self, is_meant: Callable[[tuple[str, str]], bool]) -> None:
        for pair in [pair for pair in self._moves if is_meant(pair)]:
            del self._moves[pair]

    def wrong(self) -> dict[str, tuple[str, str]]:
        """Alarms of the runtime's own: id -> (channel, message)."""
        return {
            f"_wrong_sign_{ess_id}": (
                f"{meter_id}/ActivePower",
                f"the grid moves with the set-point of {ess_id} instead of against it: "
                f"the sign of {ess_id} or of {meter_id} is wrong",
            )
            for (ess_id, meter_id), moves in self._moves.items()
            if moves.is_wrong
        }
