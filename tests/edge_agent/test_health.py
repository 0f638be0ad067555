"""What a report of the runtime means, what counts against a version, and how long it has to hold."""

from typing import Any

import pytest

from edge_agent.health import Watch, added_gates, read_gates, watchdog_s

DOCUMENT: dict[str, Any] = {
    "core_cycle": {"period_ms": 1000, "supervisor": {"overrun_alert_threshold": 2}},
    "scheduler": {"controllers": [{"id": "ctrl0"}, {"id": "off0", "enabled": False}]},
    "modbus_devices": [{"device_id": "bms"}, {"device_id": "pv"}],
}


def report(count: int, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "boot_id": "boot",
        "digest": "d",
        "cycle": {"count": count, "overruns": 0},
        "controllers": {"ctrl0": {"state": "ok"}},
        "devices": {"bms": {"ok": True}, "pv": {"ok": True}},
        "failure": None,
    }
    return {**body, **changes}


def watch(baseline: dict[str, bool] | None = None, added: frozenset[str] = frozenset()) -> Watch:
    return Watch("d", DOCUMENT, baseline or {}, added, 0.0)


def test_every_enabled_thing_is_a_gate() -> None:
    gates = read_gates(report(1), DOCUMENT)
    assert set(gates) == {"cycle", "overruns", "controller:ctrl0", "device:bms", "device:pv"}
    assert all(gate.ok for gate in gates.values())


@pytest.mark.parametrize(
    ("changes", "gate", "code", "words"),
    [
        (
            {"failure": {"code": "core_cycle_crashed", "detail": "KeyError"}},
            "cycle",
            "core_cycle_crashed",
            "KeyError",
        ),
        ({"cycle": {"count": 1, "overruns": 3}}, "overruns", "overruns", "3 cycles in a row"),
        (
            {"controllers": {"ctrl0": {"state": "init_failed", "error": "no battery"}}},
            "controller:ctrl0",
            "controller_init_failed",
            "controller init failed: ctrl0: no battery",
        ),
        (
            {
                "controllers": {
                    "ctrl0": {"state": "write_failed", "error": "controller write failed: ctrl0: stuck"}
                }
            },
            "controller:ctrl0",
            "controller_write_failed",
            "controller write failed: ctrl0: stuck",
        ),
        ({"controllers": {}}, "controller:ctrl0", "controller_missing", "ctrl0"),
        (
            {"devices": {"bms": {"ok": False, "errors": 7}, "pv": {"ok": True}}},
            "device:bms",
            "device_silent",
            "7",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], gate: str, code: str, words: str) -> None:
    found = read_gates(report(1, **changes), DOCUMENT)[gate]
    assert not found.ok
    assert found.code == code
    assert words in found.detail


def test_two_overruns_are_within_the_threshold() -> None:
    assert read_gates(report(1, cycle={"count": 1, "overruns": 2}), DOCUMENT)["overruns"].ok


def test_a_watch_holds_once_the_cycle_was_seen_to_turn() -> None:
    one = watch()
    held = []
    for second in range(1, 6):
        assert one.take(report(second), second) is None
        held.append(one.held())
    assert held == [False, False, False, True, True]


def test_reports_of_another_version_say_nothing() -> None:
    one = watch()
    assert one.take(report(5, digest="other", failure={"code": "x"}), 1.0) is None
    assert one.acknowledged_s is None


def test_a_failed_cycle_fails_at_once() -> None:
    reason = watch().take(report(1, failure={"code": "watchdog", "detail": "hung"}), 1.0)
    assert reason is not None
    assert reason.code == "watchdog"


def test_one_bad_reading_is_not_a_failure() -> None:
    one = watch()
    silent = {"bms": {"ok": False}, "pv": {"ok": True}}
    assert one.take(report(1, devices=silent), 1.0) is None
    assert one.take(report(2), 2.0) is None
    for count in (3, 4):
        assert one.take(report(count, devices=silent), float(count)) is None
    reason = one.take(report(5, devices=silent), 5.0)
    assert reason is not None
    assert reason.code == "device_silent"


def test_what_never_worked_counts_only_where_the_version_touched_it() -> None:
    silent = {"bms": {"ok": False}, "pv": {"ok": True}}
    dead_before = {"cycle": True, "device:bms": False}
    untouched, touched = watch(dead_before), watch(dead_before, frozenset({"device:bms"}))
    found = [
        [one.take(report(n, devices=silent), float(n)) for n in range(1, 6)][-1]
        for one in (untouched, touched)
    ]
    assert found[0] is None
    assert untouched.held()
    assert found[1] is not None


def test_a_cycle_that_stands_still_is_caught_by_the_watchdog() -> None:
    one = watch()
    one.take(report(1), 0.0)
    assert one.take(report(1), 9.0) is None
    reason = one.take(None, 10.5)
    assert reason is not None
    assert reason.code == "watchdog"


def test_a_runtime_that_started_again_is_noticed() -> None:
    one = watch()
    one.take(report(1), 1.0)
    reason = one.take(report(2, boot_id="another"), 2.0)
    assert reason is not None
    assert reason.code == "runtime_restarted"


def test_only_what_differs_was_added() -> None:
    after = {
        **DOCUMENT,
        "modbus_devices": [{"device_id": "bms", "enabled": True}, {"device_id": "pv"}, {"device_id": "new"}],
    }
    assert added_gates(DOCUMENT, after) == {"device:bms", "device:new"}
    assert added_gates(DOCUMENT, {**DOCUMENT, "core_cycle": {}}) == {"overruns"}


@pytest.mark.parametrize(
    ("core", "seconds"),
    [({}, 10), ({"period_ms": 5000}, 20), ({"supervisor": {"watchdog_timeout_ms": 4000}}, 4)],
)
def test_the_watchdog_follows_the_document(core: dict[str, Any], seconds: float) -> None:
    assert watchdog_s({"core_cycle": core}) == seconds
