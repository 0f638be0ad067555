"""The law of a relay that follows a value: two thresholds, shortest times, off when nothing is known."""

from __future__ import annotations


class ChannelThreshold:
    """On at one threshold, off at the other, unchanged between them; the higher one says the direction.

    It begins as switched off just now, so `min_off_s` holds through every start. An undefined value switches
    off at once, whatever `min_on_s` says: the load runs only on what is known.
    """

    def __init__(
        self,
        *,
        channel: str,
        output: str,
        switch_on_at: float,
        switch_off_at: float,
        min_on_s: float,
        min_off_s: float,
    ) -> None:
        self.channel = channel
        self.output = output
        self._on_at, self._off_at = switch_on_at, switch_off_at
        self._min_on_s, self._min_off_s = min_on_s, min_off_s
        self._is_on = False
        self._since_s: float | None = None

    def decide(self, value: float | None, at_s: float) -> bool:
        """Whether the output is to be on. `at_s` is the plant's own running time in seconds."""
        since_s = self._since_s = at_s if self._since_s is None else self._since_s
        stood_s = at_s - since_s
        if value is None:
            self._turn(False, at_s)
        elif self._is_on and self._reaches(value, self._off_at, self._on_at):
            self._turn(stood_s < self._min_on_s, at_s)
        elif not self._is_on and self._reaches(value, self._on_at, self._off_at):
            self._turn(stood_s >= self._min_off_s, at_s)
        return self._is_on

    def go_on_from(self, before: object) -> None:
        """The same output with other words goes on: how long it has been on or off is the load's affair."""
        if isinstance(before, ChannelThreshold) and before.output == self.output:
            self._is_on, self._since_s = before._is_on, before._since_s

    def _turn(self, on: bool, at_s: float) -> None:
        if on is not self._is_on:
            self._is_on, self._since_s = on, at_s

    @staticmethod
    def _reaches(value: float, threshold: float, other: float) -> bool:
        return value >= threshold if threshold > other else value <= threshold
