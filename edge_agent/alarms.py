"""What the runtime's alarms have done since the cloud was last told: news for the outbox.

A health report names what stands, the last end of each alarm, and the rules that cannot be judged yet. The
comparison is with what was *told*, which is durable: neither a restart of the agent nor one of the runtime
tells a thing twice or forgets an end. A report of another EMS needs no more than `alarms`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

AGAIN_AFTER_S: Final = 60.0
"""An alarm that comes and goes is told of at most this often, then as it stands."""
MOST_AT_ONCE: Final = 20
SEVERITIES: Final = ("info", "warning", "fault")

Entries = Mapping[str, "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One alarm of a report, as far as it can be believed. `since` tells one episode from another."""

    name: str
    channel: str
    rule: str
    severity: str
    message: str
    notification: tuple[str, ...]
    since: str
    value: float | None
    repeats: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the cloud knows of one alarm; `over`: it was told that the episode has ended."""

    since: str
    severity: str
    channel: str
    repeats: int
    over: bool


@dataclass(frozen=True, slots=True)
class News:
    """One event of type `alarm`. `state`: `raised` (again for a reminder or a new severity) or `cleared`."""

    alarm_id: str
    state: str
    detail: str
    data: Mapping[str, Any]


class Alarms:
    """Compares each report with what was told. `clock` gives monotonic seconds."""

    def __init__(self, told: Mapping[str, Mapping[str, Any]] | None, clock: Callable[[], float]) -> None:
        """`told` as it was stored; None where nothing ever was: then ends of before are no news."""
        self._told = None if told is None else {name: Told(**facts) for name, facts in told.items()}
        self._clock = clock
        self._raised_s: dict[str, float] = {}

    def news(self, health: Mapping[str, Any]) -> tuple[list[News], dict[str, Told]] | None:
        """News of one report with what is told when they are; None when nothing changes.

        The caller stores both in one transaction and then says `noted`; else they come again.
        """
        book = health.get("alarm_book", {})
        if not isinstance(book, Mapping):  # the runtime has not judged anything yet
            return None
        standing, ended = _entries(health.get("alarms")), _entries(book.get("cleared"))
        undecided = {name for name in book.get("undecided") or () if isinstance(name, str)}
        before = self._told
        if before is None:
            before = {name: _told(entry, over=True) for name, entry in ended.items()}
        news, told = self._compare(before, standing, ended, undecided)
        return None if told == self._told else (news, told)

    def noted(self, told: Mapping[str, Told]) -> None:
        """`told` is stored now."""
        before = self._told or {}
        for name, facts in told.items():
            if name not in before or before[name].since != facts.since:
                self._raised_s[name] = self._clock()
        self._told = dict(told)

    def _compare(
        self, before: Mapping[str, Told], standing: Entries, ended: Entries, undecided: Collection[str]
    ) -> tuple[list[News], dict[str, Told]]:
        news: list[News] = []
        told: dict[str, Told] = {}
        for name in (*before, *(other for other in (*ended, *standing) if other not in before)):
            known, stands, end = before.get(name), standing.get(name), ended.get(name)
            found: list[News] = []
            if len(news) >= MOST_AT_ONCE:
                then = known
            elif known is None or known.over:
                found, then = self._begun(known, stands, end)
            else:
                found, then = _gone_on(name, known, stands, end, waits=name in undecided)
            news += found
            if then is not None:
                told[name] = then
        return news, told

    def _begun(
        self, known: Told | None, stands: Entry | None, end: Entry | None
    ) -> tuple[list[News], Told | None]:
        """The cloud knows of no open episode: there may be one, or a short one that is over again."""
        latest = stands or end
        if latest is None:
            return [], None
        is_news = stands is not None or known is None or latest.since > known.since
        waits = self._clock() - self._raised_s.get(latest.name, float("-inf")) < AGAIN_AFTER_S
        if not is_news or waits:
            return [], known
        raised = _news("raised", latest)
        return [raised] if stands else [raised, _news("cleared", latest)], _told(latest, over=stands is None)


def _gone_on(
    name: str, known: Told, stands: Entry | None, end: Entry | None, *, waits: bool
) -> tuple[list[News], Told | None]:
    """The cloud knows of an open episode: it stands, stands differently, or is over.

    One that stands since another moment, and whose end nobody saw, is the same: the runtime began anew.
    """
    seen_to_end = end is not None and end.since == known.since
    if stands is not None and not seen_to_end:
        again = stands.severity != known.severity or (
            stands.since == known.since and stands.repeats > known.repeats
        )
        return [_news("raised", stands)] if again else [], _told(stands)
    if end is not None and seen_to_end:
        return [_news("cleared", end)], replace(known, over=True)
    if waits:
        return [], known
    facts = {"id": name, "severity": known.severity, "channel": known.channel, "value": None}
    over = News(name, "cleared", f"{name} is over: no longer watched", {**facts, "state": "cleared"})
    return [over], replace(known, over=True)


def _told(entry: Entry, *, over: bool = False) -> Told:
    return Told(entry.since, entry.severity, entry.channel, entry.repeats, over)


def _news(state: str, entry: Entry) -> News:
    value = "undefined" if entry.value is None else f"{entry.value:g}"
    said = f": {entry.message}" if entry.message else ""
    data = {
        "id": entry.name,
        "severity": entry.severity,
        "channel": entry.channel,
        "value": entry.value,
        "state": state,
        "since": entry.since,
        "repeats": entry.repeats,
        "notification": list(entry.notification),
        "message": entry.message,
    }
    detail = f"{entry.name} {state}: {entry.channel} is {value} ({entry.rule}){said}"
    return News(entry.name, state, detail, data)


def _entries(listed: Any) -> dict[str, Entry]:
    """By id; what does not look like an alarm is left out, for the report may be anybody's."""
    found = [_entry(body) for body in listed] if isinstance(listed, list) else []
    return {entry.name: entry for entry in found if entry is not None}


def _entry(body: Any) -> Entry | None:
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str):
        return None
    value, repeats, senders = body.get("value"), body.get("repeats"), body.get("notification")
    severity = "fault" if body.get("severity") == "critical" else body.get("severity")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return Entry(
        name=body["id"][:128],
        channel=str(body.get("channel", ""))[:128],
        rule=str(body.get("rule", ""))[:64],
        severity=severity if severity in SEVERITIES else "warning",
        message=str(body.get("message", ""))[:200],
        notification=tuple(str(one)[:32] for one in senders[:8]) if isinstance(senders, list) else (),
        since=str(body.get("since", ""))[:32],
        value=value if is_number else None,
        repeats=repeats if isinstance(repeats, int) else 0,
    )
