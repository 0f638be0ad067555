"""Alarm rules: when they are raised, when they clear, what a reload leaves alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_runtime.alarms import MOST_CLEARED, MOST_REPORTED, AlarmEngine

NOW = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)


def rule(**changes: Any) -> dict[str, Any]:
    facts = {
        "id": "alarm0",
        "channel": "bms_main/Soc",
        "condition": "<",
        "threshold": 20,
        "hysteresis": 0,
        "for_s": 0,
        "severity": "warning",
        "message": "",
    }
    return {**facts, **changes}


def raised(entry: dict[str, Any], *values: float | None) -> list[bool]:
    """Whether the alarm stands after each value, one second apart."""
    engine = AlarmEngine()
    engine.load([entry])
    return [
        bool(engine.judge({"bms_main/Soc": value}, float(second), NOW)) for second, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("changes", "values", "stands"),
    [
        ({}, [20, 19.9, 20], [False, True, False]),
        ({"condition": "<="}, [20, 20.1], [True, False]),
        ({"condition": ">"}, [20, 21, 20], [False, True, False]),
        ({"condition": ">="}, [20, 19], [True, False]),
        ({"condition": "=="}, [20, 21], [True, False]),
        ({"condition": "!="}, [20, 21, 20], [False, True, False]),
        ({"hysteresis": 2}, [19, 21.9, 22], [True, True, False]),
        ({"condition": ">", "hysteresis": 2}, [21, 18.1, 18], [True, True, False]),
        ({"for_s": 2}, [19, 19, 19, 25], [False, False, True, False]),
        ({"for_s": 2}, [19, 25, 19, 19, 19], [False, False, False, False, True]),
        ({}, [19, None, 25], [True, True, False]),  # an undefined value neither clears nor raises
        ({"for_s": 1}, [19, None, 19, 19], [False, False, False, True]),
        ({"condition": "stale", "for_s": 1}, [None, None, 5], [False, True, False]),
    ],
)
def test_an_alarm_stands_as_its_rule_says(
    changes: dict[str, Any], values: list[float | None], stands: list[bool]
) -> None:
    assert raised(rule(**changes), *values) == stands


def judged(
    engine: AlarmEngine, value: float | None, second: float, **own: tuple[str, str]
) -> list[dict[str, Any]]:
    return engine.judge({"bms_main/Soc": value}, second, NOW + timedelta(seconds=second), own)


def loaded(*entries: dict[str, Any]) -> AlarmEngine:
    engine = AlarmEngine()
    engine.load(entries)
    return engine


def cleared(engine: AlarmEngine) -> list[tuple[str, float | None]]:
    return [(over["id"], over["value"]) for over in engine.book()["cleared"]]


REPORT = {
    "id": "alarm0",
    "channel": "bms_main/Soc",
    "rule": "< 20",
    "severity": "fault",
    "message": "nearly empty",
    "notification": ["email"],
    "since": "2026-02-15T10:30:00Z",
    "value": 12.5,
    "repeats": 0,
}


def test_an_alarm_is_reported_with_all_that_a_person_needs() -> None:
    engine = loaded(rule(severity="fault", message="nearly empty", notification=["email"]))
    assert judged(engine, 12.5, 0) == [REPORT]
    assert judged(engine, 30, 60) == []
    over = {**REPORT, "value": 30, "cleared_at": "2026-02-15T10:31:00Z"}
    assert engine.book() == {"cleared": [over], "undecided": []}


def test_a_standing_alarm_says_that_its_value_has_become_undefined() -> None:
    engine = loaded(rule())
    judged(engine, 12.5, 0)
    assert judged(engine, None, 1)[0]["value"] is None


@pytest.mark.parametrize(("renotify_s", "repeats"), [(0, [0, 0, 0, 0]), (60, [0, 0, 1, 3])])
def test_a_standing_alarm_reminds_as_often_as_its_rule_asks(renotify_s: int, repeats: list[int]) -> None:
    engine = loaded(rule(renotify_s=renotify_s))
    seen = [judged(engine, 10, second)[0]["repeats"] for second in (0, 59, 60, 181)]
    assert seen == repeats


def test_a_reminder_counts_from_when_the_alarm_was_raised_not_from_when_it_began_to_hold() -> None:
    engine = loaded(rule(for_s=100, renotify_s=60))
    assert [judged(engine, 10, second) for second in (0, 99)] == [[], []]
    assert judged(engine, 10, 159)[0]["repeats"] == 0
    assert judged(engine, 10, 219)[0]["repeats"] == 1


def test_an_untouched_rule_keeps_standing_through_a_reload() -> None:
    engine = loaded(rule(hysteresis=5))
    judged(engine, 19, 0)
    engine.load([rule(hysteresis=5), rule(id="alarm1")])
    assert [alarm["id"] for alarm in judged(engine, 22, 1)] == ["alarm0"]


@pytest.mark.parametrize(
    ("changes", "value", "stands"),
    [
        ({"threshold": 15}, 12, True),
        ({"threshold": 10}, 12, False),
        ({"threshold": 10, "hysteresis": 5}, 12, True),  # it stands, so it clears only past its hysteresis
        ({"severity": "fault", "message": "now in earnest"}, 12, True),
        ({"for_s": 3600}, 12, True),
        ({"condition": ">"}, 12, False),
        ({"condition": "stale"}, 12, False),
        ({"channel": "bms_main/Soh"}, 12, False),
    ],
)
def test_a_reworded_rule_goes_on_standing_where_it_still_holds(
    changes: dict[str, Any], value: float, stands: bool
) -> None:
    engine = loaded(rule())
    since = judged(engine, value, 0)[0]["since"]
    engine.load([rule(**changes)])
    assert [alarm["since"] for alarm in judged(engine, value, 7)] == ([since] if stands else [])
    assert len(cleared(engine)) == (0 if stands else 1)


def test_a_delay_that_has_begun_goes_on_under_new_words() -> None:
    engine = loaded(rule(for_s=10))
    judged(engine, 12, 0)
    engine.load([rule(for_s=10, threshold=15)])
    assert judged(engine, 12, 9) == []
    assert judged(engine, 12, 10) != []


def test_a_removed_rule_is_over_with_its_last_value() -> None:
    engine = loaded(rule(), rule(id="alarm1", threshold=50))
    judged(engine, 12, 0)
    engine.load([rule()])
    assert cleared(engine) == [("alarm1", 12)]
    assert [alarm["id"] for alarm in judged(engine, 12, 1)] == ["alarm0"]


@pytest.mark.parametrize(
    ("changes", "value", "undecided"),
    [
        ({}, None, True),
        ({}, 30, False),
        ({}, 10, False),
        ({"for_s": 60}, 10, True),
        ({"for_s": 60}, 30, False),
        ({"condition": "stale", "for_s": 60}, None, True),
        ({"condition": "stale"}, 30, False),
    ],
)
def test_a_rule_that_cannot_be_judged_yet_is_named(
    changes: dict[str, Any], value: Any, undecided: bool
) -> None:
    engine = loaded(rule(**changes))
    assert engine.book()["undecided"] == ["alarm0"]  # nothing was looked at yet
    judged(engine, value, 0)
    assert engine.book()["undecided"] == (["alarm0"] if undecided else [])


def test_an_alarm_of_the_runtime_stands_while_it_is_named() -> None:
    engine = loaded()
    first = judged(engine, 50, 0, _fail_safe=("bms_main/ActivePower", "one reason"))
    assert [(alarm["id"], alarm["severity"]) for alarm in first] == [("_fail_safe", "fault")]
    later = judged(engine, 50, 5, _fail_safe=("bms_main/ActivePower", "another reason"))
    assert later[0]["since"] == first[0]["since"]
    assert later[0]["message"] == "another reason"
    assert judged(engine, 50, 6) == []
    assert cleared(engine) == [("_fail_safe", None)]


def test_very_many_alarms_are_reported_by_their_worst() -> None:
    engine = loaded(
        *[rule(id=f"a{number}", severity="info") for number in range(MOST_REPORTED)],
        rule(id="zWorst", severity="fault"),
    )
    stand = judged(engine, 10, 0)
    assert len(stand) == MOST_REPORTED
    assert stand[0]["id"] == "zWorst"
    judged(engine, 50, 1)
    assert len(cleared(engine)) == MOST_CLEARED


def test_of_an_alarm_that_comes_and_goes_the_last_end_is_kept() -> None:
    engine = loaded(rule())
    for second, value in enumerate([10, 30, 10, 31, 10]):
        judged(engine, value, second)
    assert cleared(engine) == [("alarm0", 31)]
