"""What the cloud is told of the runtime's alarms: each beginning and each end once, through every restart."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from edge_agent.alarms import AGAIN_AFTER_S, MOST_AT_ONCE, Alarms
from edge_protocol.messages import Event

Json = dict[str, Any]


def alarm(second: int = 0, **changes: Any) -> Json:
    facts = {
        "id": "alarm_soc_low",
        "channel": "bms_main/Soc",
        "rule": "< 20",
        "severity": "warning",
        "message": "",
        "notification": ["dashboard"],
        "since": f"2026-02-15T10:30:{second:02d}Z",
        "value": 12.5,
        "repeats": 0,
    }
    return {**facts, **changes}


def health(*standing: Json, cleared: tuple[Json, ...] = (), undecided: tuple[str, ...] = ()) -> Json:
    return {"alarms": list(standing), "alarm_book": {"cleared": list(cleared), "undecided": list(undecided)}}


class Edge:
    """The agent's part of an edge: what it told, kept as the store keeps it, and a clock turned by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.stored: Json | None = None
        self.boot()

    def boot(self) -> None:
        self.alarms = Alarms(self.stored, lambda: self.now_s)

    def look(self, report: Json, *, later_s: float = 1.0) -> list[tuple[str, Any]]:
        """(state, value) of each event that one report makes."""
        return [(one.state, one.data["value"]) for one in self.news(report, later_s=later_s)]

    def news(self, report: Json, *, later_s: float = 1.0) -> list[Any]:
        self.now_s += later_s
        changed = self.alarms.news(report)
        if changed is None:
            return []
        news, told = changed
        self.stored = json.loads(json.dumps({name: asdict(one) for name, one in told.items()}))
        self.alarms.noted(told)
        return news


def test_a_beginning_and_an_end_are_told_once_each() -> None:
    edge = Edge()
    assert edge.look(health()) == []
    assert edge.look(health(alarm())) == [("raised", 12.5)]
    assert edge.look(health(alarm(value=11))) == []
    assert edge.look(health(cleared=(alarm(value=25),))) == [("cleared", 25)]
    assert edge.look(health(cleared=(alarm(value=25),))) == []


def test_an_event_carries_what_a_person_and_a_program_need() -> None:
    (told,) = Edge().news(health(alarm(message="nearly empty", severity="fault")))
    assert told.detail == "alarm_soc_low raised: bms_main/Soc is 12.5 (< 20): nearly empty"
    assert told.data == {
        "id": "alarm_soc_low",
        "severity": "fault",
        "channel": "bms_main/Soc",
        "value": 12.5,
        "state": "raised",
        "since": "2026-02-15T10:30:00Z",
        "repeats": 0,
        "notification": ["dashboard"],
        "message": "nearly empty",
    }
    wire = {"id": "0190b6a0-0000-7000-8000-000000000000", "seq": 1, "at": "2026-02-15T10:30:00Z"}
    body = {**wire, "type": "alarm", "code": told.state, "detail": told.detail, "data": dict(told.data)}
    assert Event.from_dict(body).to_dict() == body


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (health(alarm(severity="fault")), [("raised", 12.5)]),
        (health(alarm(repeats=1)), [("raised", 12.5)]),
        (health(alarm(message="other words")), []),
        (health(alarm(value=None)), []),
        (health(), [("cleared", None)]),  # the rule is gone, and the runtime began anew
        (health(undecided=("alarm_soc_low",)), []),  # the runtime began anew and cannot say yet
        (health(alarm(40)), []),  # it began anew and raised the same alarm: no news to anybody
        (health(alarm(40), cleared=(alarm(value=30),)), [("cleared", 30)]),
        ({"alarms": [], "alarm_book": None}, []),  # not judged yet
        ({"alarms": []}, [("cleared", None)]),  # another EMS, which keeps no book
    ],
)
def test_what_follows_an_alarm_that_was_told(report: Json, told: list[Any]) -> None:
    edge = Edge()
    edge.look(health(alarm()))
    assert edge.look(report) == told
    assert edge.look(report) == []


def test_an_alarm_that_was_over_between_two_looks_is_told_whole() -> None:
    edge = Edge()
    edge.look(health())
    spike = alarm(5, value=50)
    assert edge.look(health(cleared=(spike,))) == [("raised", 50), ("cleared", 50)]
    assert edge.look(health(cleared=(spike,))) == []


def test_ends_from_before_the_agent_s_first_look_are_no_news() -> None:
    edge = Edge()
    assert edge.look(health(alarm(id="a"), cleared=(alarm(id="b"),))) == [("raised", 12.5)]


def test_an_alarm_that_comes_and_goes_is_told_now_and_then_and_in_the_end_as_it_stands() -> None:
    edge = Edge()
    edge.look(health())
    told = []
    for second in range(300):
        now = alarm(second % 60, since=f"2026-02-15T10:{30 + second // 60}:{second % 60:02d}Z")
        report = health(now) if second % 2 else health(cleared=(now,))
        told += edge.look(report)
    assert 4 <= [state for state, _ in told].count("raised") <= 300 / AGAIN_AFTER_S + 1
    assert edge.look(health(alarm(59)), later_s=AGAIN_AFTER_S) in ([("raised", 12.5)], [])
    assert edge.stored is not None
    assert edge.stored["alarm_soc_low"]["over"] is False


def test_a_restarted_agent_tells_nothing_twice_and_forgets_no_end() -> None:
    edge = Edge()
    edge.look(health(alarm()))
    edge.boot()
    assert edge.look(health(alarm())) == []
    edge.boot()
    assert edge.look(health(cleared=(alarm(value=30),))) == [("cleared", 30)]


def test_what_could_not_be_stored_comes_again() -> None:
    alarms = Alarms({}, lambda: 0.0)
    first, again = alarms.news(health(alarm())), alarms.news(health(alarm()))
    assert first is not None
    assert first == again


def test_a_storm_is_told_in_portions() -> None:
    edge = Edge()
    storm = health(*[alarm(id=f"alarm{number}") for number in range(50)])
    assert [len(edge.look(storm)) for _ in range(4)] == [MOST_AT_ONCE, MOST_AT_ONCE, 10, 0]
    assert [len(edge.look(health())) for _ in range(4)] == [MOST_AT_ONCE, MOST_AT_ONCE, 10, 0]
    assert edge.stored == {}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"alarms": "none"},
        {"alarms": [1, {}, {"id": 5}]},
        {"alarms": [], "alarm_book": [1]},
        {"alarms": [], "alarm_book": {"cleared": 1, "undecided": [7, None]}},
    ],
)
def test_a_report_that_makes_no_sense_makes_no_news(nonsense: Json) -> None:
    assert Edge().look(nonsense) == []


def test_an_alarm_of_another_ems_is_taken_as_far_as_it_goes() -> None:
    (told,) = Edge().news({"alarms": [{"id": "x" * 500, "severity": "critical", "value": float("nan")}]})
    assert told.data["severity"] == "fault"
    assert told.data["value"] is None
    assert len(told.data["id"]) == 128
