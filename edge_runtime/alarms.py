"""Alarm rules over the channels of a cycle: condition, delay, hysteresis, stale values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from edge_protocol.instants import format_instant

Values = Mapping[str, float | None]

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Alarm:
    """One rule and how it stands. An undefined value neither raises nor clears anything but `stale`."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry
        self._holds_since_s: float | None = None
        self._raised_at: datetime | None = None
        self._value: float | None = None

    def judge(self, values: Values, now_s: float, now_at: datetime) -> None:
        value = values.get(self.entry["channel"])
        holds = self._holds(value)
        if holds is None:
            self._holds_since_s = None
            return
        if not holds:
            self._holds_since_s = self._raised_at = None
            return
        if self._holds_since_s is None:
            self._holds_since_s = now_s
        self._value = value
        if self._raised_at is None and now_s - self._holds_since_s >= self.entry["for_s"]:
            self._raised_at = now_at

    def _holds(self, value: float | None) -> bool | None:
        condition = self.entry["condition"]
        if condition == "stale":
            return value is None
        if value is None:
            return None
        threshold, hysteresis = self.entry["threshold"], self.entry["hysteresis"]
        if self._raised_at is None:
            return _COMPARISONS[condition](value, threshold)
        return _still_holds(condition, value, threshold, hysteresis)

    def report(self) -> dict[str, Any] | None:
        if self._raised_at is None:
            return None
        entry = self.entry
        return raised(
            entry["id"],
            entry["channel"],
            severity=entry["severity"],
            message=entry["message"],
            since_at=self._raised_at,
            value=self._value,
        )


def _still_holds(condition: str, value: float, threshold: float, hysteresis: float) -> bool:
    """A raised alarm clears only past threshold +- hysteresis."""
    if condition in ("<", "<="):
        return _COMPARISONS[condition](value, threshold + hysteresis)
    if condition in (">", ">="):
        return _COMPARISONS[condition](value, threshold - hysteresis)
    if condition == "==":
        return abs(value - threshold) <= hysteresis
    return value != threshold


def raised(
    alarm_id: str,
    channel: str,
    *,
    severity: str,
    message: str,
    since_at: datetime,
    value: float | None = None,
) -> dict[str, Any]:
    """One active alarm as the health file names it."""
    return {
        "id": alarm_id,
        "channel": channel,
        "severity": severity,
        "message": message,
        "since": format_instant(since_at),
        "value": value,
    }


class AlarmEngine:
    """The rules of the document; an untouched rule keeps its standing through a reload."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}

    def load(self, entries: Iterable[Mapping[str, Any]]) -> None:
        kept = self._alarms
        self._alarms = {}
        for entry in entries:
            before = kept.get(entry["id"])
            same = before is not None and before.entry == entry
            self._alarms[entry["id"]] = before if same and before is not None else Alarm(entry)

    def judge(self, values: Values, now_s: float, now_at: datetime) -> list[dict[str, Any]]:
        for alarm in self._alarms.values():
            alarm.judge(values, now_s, now_at)
        return [report for alarm in self._alarms.values() if (report := alarm.report()) is not None]


@dataclass(slots=True)
class Standing:
    """Alarms that the runtime raises by itself: since when each has stood."""

    since_at: dict[str, datetime]

    def report(self, names: Mapping[str, tuple[str, str]], now_at: datetime) -> list[dict[str, Any]]:
        """`names` maps an alarm's id to (channel, message); what is not named any more is over."""
        self.since_at = {name: self.since_at.get(name, now_at) for name in names}
        return [
            raised(name, channel, severity="fault", message=message, since_at=self.since_at[name])
            for name, (channel, message) in names.items()
        ]
