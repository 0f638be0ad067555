"""A cloud that lies, a road that breaks: nothing moves, it is named, the edge converges afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.edge_agent.cloud_simulator import CloudSimulator, Lies
from tests.edge_agent.edge import Edge, document


def told(cloud: CloudSimulator, kind: str, code: str) -> Any:
    return cloud.wait(lambda one: [e for e in one.events.values() if e["type"] == kind and e["code"] == code])


def problem(edge: Edge, words: str) -> None:
    edge.wait_asked(lambda one: words in one["live"]["sync_problem"])


# What the cloud does wrong -> what the edge says about it.
UNBELIEVED: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "signed by a stranger": ({"bad_signature": True}, ("security", "bad_signature")),
    "for another edge": ({"other_edge": True}, ("security", "wrong_recipient")),
    "not what the manifest promises": (
        {"wrong_content": True, "torn_delta": True},
        ("security", "content_mismatch"),
    ),
    "out of date": ({"expired": True}, ("security", "trust_stale")),
}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a captive portal": ({"html": True}, "captive portal"),
    "a redirect": ({"redirect": "http://login.example/"}, "leads to http://login.example/"),
    "overloaded": ({"status": 503, "retry_after": "1"}, "asks to wait (503)"),
    "too many requests": ({"status": 429, "retry_after": "1"}, "asks to wait (429)"),
    "a removed manifest": ({"strip_manifest": True}, "without a manifest"),
}


def still_on_the_first(edge: Edge) -> None:
    assert edge.ask("status")["running"]["version"] == 1
    assert edge.active()["version"] == 1


def believes_again(edge: Edge) -> None:
    edge.cloud.lies = Lies()
    edge.ask("sync")
    edge.cloud.wait_status(2, "confirmed")


@pytest.mark.parametrize("lie", UNBELIEVED)
def test_what_is_not_believed_changes_nothing(confirmed: Edge, lie: str) -> None:
    settings, (kind, code) = UNBELIEVED[lie]
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.known().get("phase") == "committed" and one.sockets)
    cloud.lies = Lies(**settings)
    cloud.publish(document(30000))
    told(cloud, kind, code)
    still_on_the_first(confirmed)
    believes_again(confirmed)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_road_is_named_and_outlived(confirmed: Edge, fault: str) -> None:
    settings, words = BROKEN[fault]
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.known().get("phase") == "committed" and one.sockets)
    cloud.lies = Lies(**settings)
    cloud.publish(document(30000))
    problem(confirmed, words)
    still_on_the_first(confirmed)
    believes_again(confirmed)


def test_an_older_version_is_a_replay(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    cloud.lies.replay = cloud.versions[0]
    confirmed.ask("sync")
    told(cloud, "security", "replay")
    assert confirmed.ask("status")["running"]["version"] == 2


def test_one_number_with_two_contents_raises_an_alarm(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.known().get("phase") == "committed")
    cloud.lies.equivocate = True
    confirmed.ask("sync")
    told(cloud, "alarm", "equivocation")
    still_on_the_first(confirmed)


def test_a_torn_delta_costs_one_full_fetch(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    cloud.lies.torn_delta = True
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    paths = [path for _, path, status in cloud.calls if status == 200 and "/config" in path]
    assert "/api/v1/edges/acme-north-1/config/delta?since=1" in paths
    assert paths.count("/api/v1/edges/acme-north-1/config") == 1


def test_a_silent_socket_is_not_trusted_with_the_heartbeat(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    cloud.lies.silent_socket = True
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    cloud.heartbeats.clear()
    confirmed.ask("ping")
    cloud.wait(lambda one: [path for _, path, status in one.calls if path.endswith("/heartbeat")])


def test_polling_alone_is_enough(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    cloud.lies.no_socket = True
    confirmed.start()
    cloud.wait(lambda one: one.heartbeats)
    cloud.publish(document(30000))
    confirmed.ask("ping")  # the heartbeat's answer names what is desired
    cloud.wait_status(2, "confirmed")
    assert cloud.known()["sync"]["transport"] == "polling"


def test_a_lost_acknowledgement_loses_no_event(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    took: Callable[[Any], Any] = cloud.took_events
    failed = []

    def took_and_forgot(events: Any) -> Any:
        answer = took(events)
        if not failed:
            failed.append(answer)
            raise ConnectionError
        return answer

    cloud.took_events = took_and_forgot  # type: ignore[method-assign]
    try:
        cloud.publish(document(30000))
        cloud.wait_status(2, "confirmed")
        cloud.wait(lambda one: one.event_copies)
        cloud.wait(
            lambda one: [e for e in one.events.values() if e["code"] == "confirmed" and e["version"] == 2]
        )
    finally:
        del cloud.took_events  # type: ignore[method-assign]
    seqs = sorted(event["seq"] for event in cloud.events.values())
    assert len(seqs) == len(set(seqs))
