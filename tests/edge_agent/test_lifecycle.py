"""The lifecycle with a real agent process, a real runtime process and a cloud that signs for real."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edge_agent.barriers import DAYS
from edge_agent.states import Phase
from tests.edge_agent.edge import Edge, document


def with_sync(sections: dict[str, Any], **sync: Any) -> dict[str, Any]:
    return {**sections, "sync": {**sections["sync"], **sync}}


def statuses(edge: Edge, version: int) -> list[str]:
    """What became of a version, in the order of the edge's own events."""
    events = sorted(edge.cloud.events.values(), key=lambda event: event["seq"])
    return [e["data"]["status"] for e in events if e["type"] == "transition" and e.get("version") == version]


def wait_event(edge: Edge, version: int, status: str) -> dict[str, Any]:
    def holds(cloud: Any) -> Any:
        for event in cloud.events.values():
            if event.get("version") == version and (event.get("data") or {}).get("status") == status:
                return event
        return None

    found: dict[str, Any] = edge.cloud.wait(holds)
    return found


def test_a_newer_version_supersedes_one_on_probation(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(with_sync(document(40000), probation_s=30))
    confirmed.cloud.wait_status(2, "applied")
    confirmed.cloud.publish(document(30000))
    confirmed.cloud.wait_status(3, "confirmed")
    wait_event(confirmed, 3, "confirmed")
    assert statuses(confirmed, 2) == ["applying", "applied", "superseded"]
    assert confirmed.state().previous.number == 1


def test_a_superseding_version_that_fails_goes_back_to_the_last_confirmed(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(with_sync(document(40000), probation_s=30))
    confirmed.cloud.wait_status(2, "applied")
    confirmed.cloud.publish(document(30000, crash="later"))
    beat = confirmed.cloud.wait_status(3, "rolled_back")
    assert beat["running"]["version"] == 1


@pytest.mark.slow
def test_what_comes_during_applying_waits_for_its_end(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(document(40000, deaf=True))
    confirmed.cloud.wait_status(2, "applying")
    confirmed.cloud.publish(document(30000))
    confirmed.cloud.wait_status(3, "confirmed")
    wait_event(confirmed, 3, "confirmed")
    assert statuses(confirmed, 2) == ["applying", "failed", "rolled_back"]


def test_the_crash_does_not_come_back_with_an_unrelated_edit(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(document(crash="later"))
    cloud.wait_status(2, "rolled_back")
    assert list(cloud.known()["quarantine"][0]["sections"]) == ["extensions"]
    cloud.publish(document(40000, crash="later"))
    refused = cloud.wait_status(3, "rejected")
    assert refused["last_attempt"]["code"] == "quarantined"
    assert refused["running"]["version"] == 1
    cloud.publish(document(40000))
    cloud.wait_status(4, "confirmed")


def test_a_retry_lifts_the_quarantine_once(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(document(crash="later"))
    cloud.wait_status(2, "rolled_back")
    cloud.publish(document(crash="later"), kind="retry", content_of=2)
    cloud.wait_status(3, "rolled_back")
    assert "applied" in statuses(confirmed, 3)
    assert confirmed.state().lifted == (3,)
    cloud.publish(document(crash="later"))
    cloud.wait_status(4, "rejected")


def test_without_a_changed_section_nothing_is_touched(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    boot_id = confirmed.health()["boot_id"]
    cloud.publish(document())
    beat = cloud.wait_status(2, "confirmed")
    assert beat["running"]["version"] == 2
    wait_event(confirmed, 2, "confirmed")
    assert statuses(confirmed, 2) == ["confirmed"]
    assert confirmed.active()["version"] == 1
    assert confirmed.health()["boot_id"] == boot_id


def test_a_manual_barrier_waits_for_a_person(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(with_sync(document(40000), apply={"scheduler": "manual"}))
    staged = cloud.wait_status(2, "staged")
    assert staged["staged"] == {"version": 2, "until": None}
    assert staged["running"]["version"] == 1
    assert confirmed.ask("apply") == {"version": 2}
    cloud.wait_status(2, "confirmed")


def test_the_cloud_releases_what_is_staged(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(with_sync(document(40000), apply={"scheduler": "manual"}))
    cloud.wait_status(2, "staged")
    cloud.notify({"type": "request", "id": "release-1", "kind": "apply"})
    cloud.wait_status(2, "confirmed")
    done = cloud.wait(lambda one: [e for e in one.events.values() if e["type"] == "request_done"])
    assert done[0]["data"]["request_id"] == "release-1"


def test_a_rollback_ignores_the_window(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    other_day = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    window = {"days": [other_day], "start": "02:00", "end": "03:00"}
    sections = with_sync(document(40000), apply={"scheduler": "window"}, maintenance_window=window)
    cloud.publish(sections)
    assert cloud.wait_status(2, "staged")["last_attempt"]["code"] == "window"
    cloud.publish(sections, kind="rollback", content_of=1)
    cloud.wait_status(3, "confirmed")


def test_a_held_edge_applies_nothing_new(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.wait(lambda one: one.heartbeats)
    confirmed.ask("hold", seconds=3600, reason="inverter is open")
    cloud.publish(document(40000))
    staged = cloud.wait_status(2, "staged")
    assert staged["last_attempt"]["code"] == "hold"
    assert cloud.known()["hold"]["reason"] == "inverter is open"
    assert confirmed.ask("apply")["error"] == "refused"
    confirmed.ask("release")
    cloud.wait_status(2, "confirmed")
    assert cloud.known()["hold"] is None


def test_a_rollback_on_site_holds_the_edge(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(document(40000))
    cloud.wait_status(2, "confirmed")
    assert confirmed.ask("rollback", reason="meter shows nonsense") == {"to": 1}
    beat = cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "operator_rollback"
    assert cloud.known()["hold"]["by"] == "local"
    assert confirmed.active()["version"] == 1


def test_a_first_version_that_fails_leads_to_safe_mode(edge: Edge) -> None:
    cloud = edge.cloud
    cloud.publish(document(crash="at_start"))
    edge.start()
    beat = cloud.wait_status(1, "critical")
    assert beat["running"] == {"version": 0, "digest": None}
    status = edge.ask("status")
    assert status["verdict"]["writing"].startswith("Controllers are NOT writing: safe mode")
    assert edge.active()["safe_mode"] is True
    cloud.publish(document())
    cloud.wait_status(2, "confirmed")
    assert "safe_mode" not in edge.active()


def test_a_controller_that_cannot_start_is_named(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(document(40000, init_failed="ctrlPeakShaving0"))
    beat = confirmed.cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "controller_init_failed"
    assert beat["last_attempt"]["detail"].startswith("controller init failed: ctrlPeakShaving0")


def test_a_runtime_that_hangs_is_rolled_back(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(document(40000, hang=True))
    beat = confirmed.cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "watchdog"


def test_cycles_that_take_too_long_are_rolled_back(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.publish(document(40000, overruns=5))
    beat = confirmed.cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "overruns"


@pytest.mark.slow
def test_what_fails_late_is_rolled_back_under_guard(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    cloud.publish(document(40000, init_failed_with_file="ctrlPeakShaving0"))
    cloud.wait_status(2, "confirmed")
    (confirmed.runtime / "break").touch()
    beat = cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "late_failure"
    assert beat["running"]["version"] == 1


def test_a_runtime_that_ends_is_started_again(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    first = confirmed.runtime_pid()
    confirmed.kill_runtime()
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "process_exited"])
    confirmed.ask("status")
    assert confirmed.runtime_pid() != first
    assert confirmed.state().phase is Phase.COMMITTED


def test_a_killed_agent_leaves_the_plant_alone_and_takes_it_over_again(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    boot_id = confirmed.health()["boot_id"]
    confirmed.kill()
    cloud.heartbeats.clear()
    confirmed.start()
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    assert confirmed.health()["boot_id"] == boot_id
    assert confirmed.stop() == 0
    assert confirmed.runtime_is_gone()


def test_a_document_changed_by_hand_is_put_back(confirmed: Edge) -> None:
    confirmed.start()
    cloud = confirmed.cloud
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    (confirmed.runtime / "document.json").write_text("{}")
    cloud.wait(lambda one: [e for e in one.events.values() if e["type"] == "drift"])
    confirmed.ask("status")
    assert confirmed.active()["version"] == 1


def test_two_starts_continue_a_probation_and_a_third_rolls_back(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish(with_sync(document(40000), probation_s=60))
    cloud.wait_status(2, "applied")
    for _ in range(2):
        confirmed.kill()
        cloud.heartbeats.clear()
        confirmed.start()
        cloud.wait(lambda one: one.known().get("phase") == "probation")
    confirmed.kill()
    confirmed.start()
    beat = cloud.wait_status(2, "rolled_back")
    assert beat["last_attempt"]["code"] == "too_many_boots"


def test_an_agent_that_dies_for_ever_ends_in_safe_mode(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start(fault="after:applying")
    cloud.publish(document(40000))
    confirmed.wait_end()
    for _ in range(12):
        if confirmed.state_after_crash().phase is Phase.SAFE_MODE:
            break
        confirmed.start(fault="before:runtime_start")
        confirmed.wait_end()
    assert confirmed.state_after_crash().phase is Phase.SAFE_MODE


def test_an_edge_runs_without_its_cloud(confirmed: Edge) -> None:
    confirmed.cloud.lies.offline = True
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.calls)
    status = confirmed.wait_asked(lambda one: one["live"]["gates"] and one["live"]["sync_problem"])
    assert status["running"]["version"] == 1
    assert "cannot be reached" in status["live"]["sync_problem"]
    assert confirmed.health()["version"] == 1
