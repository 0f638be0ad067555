"""Alarm rules over the channels of a cycle: condition, hysteresis, delay, stale values, reminders.

An undefined value raises and clears nothing but `stale`. A rule that changes while it stands goes on standing
if its new words still hold: it is told again only where what people were told is no longer true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from edge_protocol.instants import format_instant

Values = Mapping[str, float | None]

NOTHING: Final[Mapping[str, tuple[str, str]]] = {}
MOST_CLEARED: Final = 100
MOST_REPORTED: Final = 500
_WORST_FIRST: Final = {"fault": 0, "warning": 1, "info": 2}

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Alarm:
    """One rule and how it stands."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry
        self._value: float | None = None
        self._decided = False
        self._holds_since_s: float | None = None
        self._raised_s = 0.0
        self._raised_at: datetime | None = None

    @property
    def stands(self) -> bool:
        return self._raised_at is not None

    @property
    def is_undecided(self) -> bool:
        """Neither raised nor known to be in order: its value is undefined, or it waits for its `for_s`."""
        return not self.stands and (not self._decided or self._holds_since_s is not None)

    def reworded(self, entry: Mapping[str, Any]) -> Alarm:
        """The same rule in other words: it goes on from here. Another channel or condition begins anew."""
        changed = Alarm(entry)
        if any(entry[name] != self.entry[name] for name in ("channel", "condition")):
            return changed
        changed._value, changed._decided = self._value, self._decided
        changed._holds_since_s = self._holds_since_s
        changed._raised_s, changed._raised_at = self._raised_s, self._raised_at
        return changed

    def judge(self, values: Values, now_s: float, now_at: datetime) -> dict[str, Any] | None:
        """Look at the channel once; the report of what has just been cleared, if anything was."""
        self._value = values.get(self.entry["channel"])
        holds = self._holds(self._value)
        self._decided = holds is not None
        if holds is None and not self.stands:
            self._holds_since_s = None
        if holds is True:
            self._held(now_s, now_at)
        return self.clear(now_at) if holds is False else None

    def clear(self, now_at: datetime) -> dict[str, Any] | None:
        """Over, whatever it was: the report of it, if it stood."""
        over = self.report(now_s=self._raised_s) if self.stands else None
        self._holds_since_s = self._raised_at = None
        return None if over is None else {**over, "cleared_at": format_instant(now_at)}

    def report(self, now_s: float) -> dict[str, Any]:
        """A standing alarm as the health file names it. `repeats` counts the reminders that are due."""
        assert self._raised_at is not None  # noqa: S101 - asked only of alarms that stand
        entry = self.entry
        every_s = entry.get("renotify_s", 0)
        return {
            "id": entry["id"],
            "channel": entry["channel"],
            "rule": _words(entry),
            "severity": entry["severity"],
            "message": entry["message"],
            "notification": list(entry.get("notification", ())),
            "since": format_instant(self._raised_at),
            "value": self._value,
            "repeats": int((now_s - self._raised_s) // every_s) if every_s else 0,
        }

    def _held(self, now_s: float, now_at: datetime) -> None:
        if self._holds_since_s is None:
            self._holds_since_s = now_s
        if not self.stands and now_s - self._holds_since_s >= self.entry["for_s"]:
            self._raised_at, self._raised_s = now_at, now_s

    def _holds(self, value: float | None) -> bool | None:
        condition = self.entry["condition"]
        if condition == "stale":
            return value is None
        if value is None:
            return None
        threshold, hysteresis = self.entry["threshold"], self.entry["hysteresis"]
        if self.stands:
            return _still_holds(condition, value, threshold, hysteresis)
        return _COMPARISONS[condition](value, threshold)


def _still_holds(condition: str, value: float, threshold: float, hysteresis: float) -> bool:
    """A raised alarm clears only past threshold +- hysteresis."""
    if condition in ("<", "<="):
        return _COMPARISONS[condition](value, threshold + hysteresis)
    if condition in (">", ">="):
        return _COMPARISONS[condition](value, threshold - hysteresis)
    if condition == "==":
        return abs(value - threshold) <= hysteresis
    return value != threshold


def _words(entry: Mapping[str, Any]) -> str:
    condition = entry["condition"]
    return condition if "threshold" not in entry else f"{condition} {entry['threshold']}"


class AlarmEngine:
    """The document's rules, and the runtime's own alarms, which stand as long as they are named."""

    def __init__(self) -> None:
        self._rules: dict[str, Alarm] = {}
        self._own: dict[str, Alarm] = {}
        self._cleared: dict[str, dict[str, Any]] = {}
        self._judged_at = datetime.min.replace(tzinfo=UTC)

    def load(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take in the section: untouched rules are left alone, reworded ones go on, removed ones are over."""
        before, self._rules = self._rules, {}
        for entry in entries:
            known = before.pop(entry["id"], None)
            if known is None or known.entry == entry:
                self._rules[entry["id"]] = known or Alarm(entry)
                continue
            self._rules[entry["id"]] = known.reworded(entry)
            if not self._rules[entry["id"]].stands:
                self._note(known.clear(self._judged_at))
        for removed in before.values():
            self._note(removed.clear(self._judged_at))

    def judge(
        self, values: Values, now_s: float, now_at: datetime, own: Mapping[str, tuple[str, str]] = NOTHING
    ) -> list[dict[str, Any]]:
        """What stands now. `own` maps the id of each of the runtime's own alarms to (channel, message)."""
        self._judged_at = now_at
        for alarm in self._rules.values():
            self._note(alarm.judge(values, now_s, now_at))
        for name in [name for name in self._own if name not in own]:
            self._note(self._own.pop(name).clear(now_at))
        for name, (channel, message) in own.items():
            entry = _own_entry(name, channel, message)
            known = self._own.get(name)
            alarm = self._own[name] = known.reworded(entry) if known is not None else Alarm(entry)
            alarm.judge({channel: None}, now_s, now_at)
        return self._standing(now_s)

    def book(self) -> dict[str, Any]:
        """Beside what stands: the last end of each alarm, and the rules that nothing can be said of yet."""
        undecided = [name for name, alarm in self._rules.items() if alarm.is_undecided]
        return {"cleared": list(self._cleared.values()), "undecided": undecided[:MOST_REPORTED]}

    def _standing(self, now_s: float) -> list[dict[str, Any]]:
        """In the document's order; of very many, the worst."""
        alarms = (*self._rules.values(), *self._own.values())
        reports = [alarm.report(now_s) for alarm in alarms if alarm.stands]
        if len(reports) <= MOST_REPORTED:
            return reports
        return sorted(reports, key=lambda report: _WORST_FIRST[report["severity"]])[:MOST_REPORTED]

    def _note(self, over: dict[str, Any] | None) -> None:
        if over is None:
            return
        self._cleared.pop(over["id"], None)
        self._cleared[over["id"]] = over
        while len(self._cleared) > MOST_CLEARED:
            del self._cleared[next(iter(self._cleared))]


def _own_entry(name: str, channel: str, message: str) -> dict[str, Any]:
    facts = {"id": name, "channel": channel, "condition": "stale", "severity": "fault", "message": message}
    return {**facts, "for_s": 0, "notification": ["dashboard"]}
