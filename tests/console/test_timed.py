"""Change sets in time over REST: schedule, end, approve, progress, and the holds to be looked at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configs import jobs
from edges import tenancy
from ems import worker
from tests import build
from tests.console.conftest import Caller
from tests.console.test_change_sets import SETS, wanted

RULE = "/organizations/acme/approval-rule"
BERLIN = {"time_zone": "Europe/Berlin", "opens": "22:00", "closes": "04:00", "days": ["sun"]}


@pytest.fixture
def path(published: build.Cast, alice: Caller) -> str:
    """A draft of Alice's."""
    return f"/change-sets/{alice('POST', SETS, wanted()).json()['id']}"


@pytest.fixture
def eve(cast: build.Cast, operator: Any) -> Caller:
    """Approves in Acme, and no more."""
    user = build.make_user("eve")
    build.make_membership(user, cast.acme, "approver")
    return operator(user, cast.acme)


def work(cast: build.Cast, now: datetime) -> None:
    """What the worker's table of handlers does with what is due."""
    with tenancy.scope([cast.acme.pk]):
        while due := jobs.find(now, besides=()):
            jobs.take(due, now)
            worker.HANDLERS[due.kind](due, now)


def test_a_draft_is_scheduled_moved_to_a_window_and_taken_back(path: str, alice: Caller) -> None:
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    told = alice("POST", f"{path}/schedule", {"at": later, "rebase": False})
    assert told.status_code == 202, told.content
    assert (told.json()["state"], told.json()["timing"]["by"]) == ("scheduled", "alice")
    moved = alice("POST", f"{path}/schedule", {"window": BERLIN}).json()["timing"]
    assert moved["window"] == BERLIN
    assert moved["closes_at"] > moved["due_at"]
    back = alice("POST", f"{path}/unschedule", {"reason": "not now"}).json()
    assert (back["state"], back["timing"]["due_at"]) == ("draft", None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"at": "2020-01-01T00:00:00Z"}, "is past"),
        ({"window": BERLIN | {"time_zone": "Mars/Base"}}, "'Mars/Base' is no time zone"),
        ({"window": BERLIN | {"days": ["someday"]}}, "someday"),
        ({"rollout": {"preset": "reckless"}}, "reckless"),
        ({"until": "2020-01-01T00:00:00Z"}, "is not after the beginning"),
    ],
)
def test_times_that_make_no_sense_are_said(path: str, alice: Caller, body: dict, said: str) -> None:
    answer = alice("POST", f"{path}/schedule", body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert alice("GET", path).json()["state"] == "draft"


def test_the_background_publishes_and_its_progress_is_read(
    published: build.Cast, path: str, alice: Caller, bob: Caller
) -> None:
    assert alice("GET", f"{path}/progress").status_code == 404
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    told = alice("POST", f"{path}/publish", {"background": True, "until": ends})
    assert (told.status_code, told.json()["state"]) == (202, "scheduled")
    assert bob("GET", f"{path}/progress").json()["phase"] == "waiting"
    work(published, datetime.now(UTC))
    done = bob("GET", f"{path}/progress").json()
    assert (done["phase"], done["done"], done["of"]) == ("published", 2, 2)
    assert alice("GET", path).json()["state"] == "published"
    work(published, datetime.now(UTC) + timedelta(days=1, minutes=1))
    assert alice("GET", path).json()["state"] == "reverted"


def test_an_approver_says_yes_and_the_author_cannot(path: str, alice: Caller, eve: Caller) -> None:
    rule = {"above_edges": 1, "paths": []}
    assert eve("PUT", RULE, rule).status_code == 403
    assert alice("PUT", RULE, rule).json() | {"changed_at": ""} == {
        "above_edges": 1,
        "paths": [],
        "number": 1,
        "changed_by": "alice",
        "changed_at": "",
    }
    refused = alice("POST", f"{path}/publish", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required")
    direct = alice("POST", SETS, wanted(publish=True))
    assert (direct.status_code, direct.json()["code"]) == (409, "approval_required")
    asked = alice("POST", f"{path}/request-approval", {}).json()
    assert (asked["state"], asked["approval"]["decision"]) == ("awaiting_approval", "waiting")
    own = alice("POST", f"{path}/approve", {})
    assert (own.status_code, own.json()["code"]) == (403, "own_change")
    alice("PUT", RULE, {"above_edges": 0, "paths": []})
    stale = eve("POST", f"{path}/approve", {})
    assert (stale.status_code, stale.json()["code"]) == (409, "policy_changed")
    given = eve("POST", f"{path}/approve", {"comment": "fine", "rule": stale.json()["rule"]}).json()
    assert (given["approval"]["decided_by"], given["approval"]["comment"]) == ("eve", "fine")
    assert alice("POST", f"{path}/publish", {}).status_code == 201


def test_a_no_is_told_with_its_comment_and_its_author_takes_it_back_and_edits_it(
    path: str, alice: Caller, eve: Caller
) -> None:
    alice("PUT", RULE, {"above_edges": None, "paths": ["/core_cycle"]})
    alice("POST", f"{path}/request-approval", {})
    assert eve("POST", f"{path}/reject", {}).status_code == 422
    told = eve("POST", f"{path}/reject", {"comment": "not before Monday"}).json()
    assert (told["state"], told["approval"]["comment"]) == ("rejected", "not before Monday")
    back = alice("POST", f"{path}/take-back", {"reason": "on Monday then"}).json()
    assert (back["state"], back["approval"]["decision"]) == ("draft", "rejected")
    again = alice("POST", f"{path}/take-back", {"reason": "twice"})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    edited = alice("PATCH", path, {"reason": "On Monday"}, If_Match=alice("GET", path)["ETag"])
    assert edited.json()["state"] == "draft"


def test_holds_are_listed_and_those_to_be_reviewed_apart(
    published: build.Cast, alice: Caller, dora: Caller
) -> None:
    soon = datetime.now(UTC) + timedelta(days=7)
    for edge_id, until in (("acme-north-1", "2020-01-01T00:00:00Z"), ("acme-south-1", soon.isoformat())):
        answer = alice("POST", f"/edges/{edge_id}/hold", {"reason": "a test", "until": until})
        assert answer.status_code == 201, answer.content
    listed = alice("GET", "/organizations/acme/holds").json()["items"]
    assert [(one["edge_id"], one["by"], one["is_overdue"]) for one in listed] == [
        ("acme-north-1", "alice", True),
        ("acme-south-1", "alice", False),
    ]
    overdue = alice("GET", "/organizations/acme/holds?overdue=true").json()["items"]
    assert [one["edge_id"] for one in overdue] == ["acme-north-1"]
    assert dora("GET", "/organizations/birch/holds").json()["items"] == []
