"""An edge in people's words."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edges import words
from edges.models import Edge, EdgeHead, EdgeStatus
from tests.build import NOW

A, B = "a" * 64, "b" * 64
HEARD = {"last_heartbeat_at": NOW, "phase": "committed"}
REFUSED = {"version": 2, "status": "rolled_back", "code": "watchdog"}
LONG_AGO = NOW - timedelta(hours=1)


def edge(head: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> Edge:
    made = Edge(edge_id="acme-north-1")
    made._state.fields_cache |= {"head": None, "status": None}  # as select_related leaves what is not there
    if head is not None:
        made.head = EdgeHead(edge=made, **{"version": 2, "digest": B, "published_at": LONG_AGO, **head})
    if status is not None:
        made.status = EdgeStatus(edge=made, **{**HEARD, **status})
    return made


def runs(version: int, digest: str | None, **more: Any) -> dict[str, Any]:
    return {"running_version": version, "running_digest": digest, **more}


@pytest.mark.parametrize(
    ("silent_for", "interval", "link"),
    [
        (None, 60, "never"),
        (timedelta(0), 60, "online"),
        (timedelta(minutes=3), 60, "online"),
        (timedelta(minutes=3, seconds=1), 60, "late"),
        (timedelta(minutes=5), 600, "online"),
        (timedelta(minutes=29, seconds=59), 10, "late"),
        (timedelta(minutes=30), 600, "offline"),
    ],
)
def test_the_link_is_how_long_ago_it_was_heard(
    silent_for: timedelta | None, interval: int, link: str
) -> None:
    heard = None if silent_for is None else NOW - silent_for
    said = words.describe(edge(status={"last_heartbeat_at": heard, "heartbeat_seconds": interval}), now=NOW)
    assert said.link == link


@pytest.mark.parametrize(
    ("head", "status", "configuration", "headline"),
    [
        (None, {}, "none", "in_sync"),
        (None, None, "none", "never"),
        ({}, None, "behind", "never"),
        ({}, runs(2, B), "in_sync", "in_sync"),
        ({}, runs(1, A), "behind", "behind"),
        ({"published_at": NOW}, runs(1, A), "updating", "updating"),
        ({}, runs(1, A, phase="applying"), "updating", "updating"),
        ({}, runs(2, B, phase="probation"), "updating", "updating"),
        ({}, runs(1, A, staged={"version": 2, "until": None}), "updating", "updating"),
        ({}, runs(2, A, drifted=True), "drifted", "drifted"),
        ({}, runs(1, A, last_attempt=REFUSED), "failed", "failed"),
        ({}, runs(1, A, last_attempt={"version": 2, "status": "rejected"}), "failed", "failed"),
        ({}, runs(1, A, last_attempt={"version": 1, "status": "failed"}), "behind", "behind"),
        ({}, runs(1, A, phase="safe_mode"), "failed", "safe_mode"),
        ({}, runs(2, B, last_heartbeat_at=LONG_AGO), "in_sync", "offline"),
        ({}, runs(1, A, last_attempt=REFUSED, last_heartbeat_at=LONG_AGO), "failed", "failed"),
        ({"held": True}, runs(2, B), "in_sync", "held"),
        ({"held": True}, runs(1, A), "behind", "held"),
        ({}, runs(2, B, last_heartbeat_at=NOW - timedelta(minutes=5)), "in_sync", "in_sync"),
    ],
)
def test_one_word_each_for_configuration_and_headline(
    head: dict[str, Any] | None, status: dict[str, Any] | None, configuration: str, headline: str
) -> None:
    said = words.describe(edge(head, status), now=NOW)
    assert (said.configuration, said.headline) == (configuration, headline)


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ({}, ()),
        ({"phase": "safe_mode"}, ("safe_mode",)),
        ({"phase": "staged"}, ("staged",)),
        ({"local_hold": {"by": "x"}}, ("held",)),
        ({"local_hold": {"until": None}}, ("held",)),
        ({"local_hold": {"until": "when it is done"}}, ("held",)),
        ({"local_hold": {"until": "2999-01-01T00:00:00Z"}}, ("held",)),
        ({"local_hold": {"until": "1999-01-01T00:00:00Z"}}, ()),
        ({"clock": {"synced": False}}, ("clock",)),
        ({"clock": {"synced": True, "offset_ms": -60_001}}, ("clock",)),
        ({"clock": {"synced": None, "offset_ms": None}}, ()),
        ({"last_attempt": {"version": 2, "status": "rejected", "code": "trust_stale"}}, ("trust_stale",)),
    ],
)
def test_flags_are_up_for_what_the_edge_said(status: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert words.describe(edge({}, status), now=NOW).flags == flags


def test_invalid_is_what_the_cloud_knows() -> None:
    assert words.describe(edge({}, {}), now=NOW, invalid=True).flags == ("invalid",)


@given(
    head=st.none() | st.fixed_dictionaries({"held": st.booleans(), "version": st.integers(1, 3)}),
    status=st.none()
    | st.fixed_dictionaries(
        {
            "running_version": st.integers(0, 3),
            "phase": st.sampled_from(["", "empty", "committed", "staged", "safe_mode", "rolled_back"]),
            "drifted": st.booleans(),
            "last_attempt": st.none()
            | st.fixed_dictionaries(
                {"version": st.integers(0, 3), "status": st.sampled_from(["confirmed", "failed"])}
            ),
        }
    ),
    silent_for=st.none() | st.integers(0, 7200),
)
def test_every_edge_has_exactly_one_headline(head: Any, status: Any, silent_for: int | None) -> None:
    if status is not None:
        heard = None if silent_for is None else NOW - timedelta(seconds=silent_for)
        status = {**status, "last_heartbeat_at": heard}
    assert words.describe(edge(head, status), now=NOW).headline in words.HEADLINES
