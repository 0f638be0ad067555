"""Whether a NOTIFY was missed: notices are numbered in the order of their commits."""

from dataclasses import dataclass
from enum import Enum


class Heard(Enum):
    NEXT = "next"  # exactly the one that was due
    OLD = "old"  # already covered by a re-read
    GAP = "gap"  # something before it was missed: read everything again


@dataclass
class Sequence:
    """The last number that this process knows to have covered."""

    last: int = 0

    def restart(self, number: int) -> None:
        """Everything up to `number` is covered by a re-read that starts now."""
        self.last = number

    def hear(self, number: int) -> Heard:
        if number <= self.last:
            return Heard.OLD
        heard = Heard.NEXT if number == self.last + 1 else Heard.GAP
        self.last = number
        return heard
