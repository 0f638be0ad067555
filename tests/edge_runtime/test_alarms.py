"""Alarm rules: when they are raised, when they clear, what a reload leaves alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from edge_runtime.alarms import AlarmEngine

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


def test_an_alarm_is_reported_with_all_that_a_person_needs() -> None:
    engine = AlarmEngine()
    engine.load([rule(severity="fault", message="nearly empty")])
    assert engine.judge({"bms_main/Soc": 12.5}, 0.0, NOW) == [
        {
            "id": "alarm0",
            "channel": "bms_main/Soc",
            "severity": "fault",
            "message": "nearly empty",
            "since": "2026-02-15T10:30:00Z",
            "value": 12.5,
        }
    ]


def test_an_untouched_rule_keeps_standing_through_a_reload() -> None:
    engine = AlarmEngine()
    engine.load([rule(hysteresis=5)])
    engine.judge({"bms_main/Soc": 19}, 0.0, NOW)
    engine.load([rule(hysteresis=5), rule(id="alarm1")])
    assert [alarm["id"] for alarm in engine.judge({"bms_main/Soc": 22}, 1.0, NOW)] == ["alarm0"]
    engine.load([rule(hysteresis=5, threshold=10)])
    assert engine.judge({"bms_main/Soc": 22}, 2.0, NOW) == []
