"""Whether the grid moves against the set-point: what betrays a wrong sign of the battery or of its meter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SMALLEST_MOVE_WATTS: Final = 50.0
MOVES_TO_JUDGE: Final = 4
ENOUGH_WATTS: Final = 500.0
WRONG_ABOVE: Final = 0.7
KEPT_SHARE: Final = 0.9
"""How much of what was seen before is kept at each new move: about the last ten decide."""


@dataclass(slots=True)
class _Moves:
    """Weighted sums over the moves of one battery's set-point and what the grid did after each."""

    before: tuple[float, float] | None = None
    step: float = 0.0
    count: int = 0
    watts: float = 0.0
    squares: float = 0.0
    products: float = 0.0

    def see(self, grid_watts: float) -> None:
        """The grid as it stands after the last step."""
        if self.before is None or abs(self.step) < SMALLEST_MOVE_WATTS:
            return
        moved = grid_watts - self.before[0]
        self.count += 1
        self.watts = KEPT_SHARE * self.watts + abs(self.step)
        self.squares = KEPT_SHARE * self.squares + self.step * self.step
        self.products = KEPT_SHARE * self.products + self.step * moved

    @property
    def is_wrong(self) -> bool:
        """Discharging more must lower the import by as much (a slope of -1); here it raises it."""
        enough = self.count >= MOVES_TO_JUDGE and self.watts >= ENOUGH_WATTS
        return enough and self.products > WRONG_ABOVE * self.squares


@dataclass(slots=True)
class SignWatch:
    """Fed once a cycle with what the image showed and what was sent. Judged by moves, not by time: a battery
    that has run into its limit because of a wrong sign moves no more, and its alarm stays."""

    _moves: dict[tuple[str, str], _Moves] = field(default_factory=dict)

    def note(self, ess_id: str, meter_id: str, grid_watts: float | None, sent_watts: float | None) -> None:
        """`grid_watts` was read before `sent_watts` was sent; None for either begins anew."""
        moves = self._moves.setdefault((ess_id, meter_id), _Moves())
        if grid_watts is None or sent_watts is None:
            moves.before = None
            return
        moves.see(grid_watts)
        moves.step = 0.0 if moves.before is None else sent_watts - moves.before[1]
        moves.before = (grid_watts, sent_watts)

    def forget(self, ess_id: str) -> None:
        """Nobody drives it any more: what was seen decides nothing."""
        for pair in [pair for pair in self._moves if pair[0] == ess_id]:
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
