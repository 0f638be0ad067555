"""Over REST, what the desk's previews tell: another front end shows the same."""

from tests import build
from tests.console.conftest import Caller
from tests.console.test_change_sets import PERIOD, SETS, step, wanted


def test_a_draft_is_told_value_by_value_with_times_and_the_left_out(
    published: build.Cast, alice: Caller, bob: Caller
) -> None:
    alice("POST", SETS, wanted(step(1500, "edge/acme-north-1"), publish=True))
    draft = alice("POST", SETS, wanted()).json()["id"]
    told = bob("GET", f"/change-sets/{draft}/forecast")
    assert told.status_code == 200, told.content
    found = told.json()
    assert found["differences"] == [
        {
            "edges": ["acme-south-1"],
            "sites": ["south"],
            "sections": ["core_cycle"],
            "leaves": [{"path": PERIOD, "before": 1000, "after": 2000}],
        }
    ]
    assert (found["does"], found["affected"], found["fleet"]) == ("publish", 1, 2)
    assert found["unaffected"] == {"hidden": ["acme-north-1"]}
    assert found["times"] == [{"mode": "next_cycle", "window_start": None, "edges": 1}]
    assert (found["changes_layers"], found["can_be_let_out"], found["touched"]) == (True, True, [])
    digest = {"preview_digest": found["preview_digest"]}
    assert alice("POST", f"/change-sets/{draft}/publish", digest).status_code == 201


def test_of_a_published_one_it_tells_what_undoing_does_and_who_touched_the_same(
    published: build.Cast, alice: Caller
) -> None:
    done = alice("POST", SETS, wanted(publish=True)).json()["id"]
    alice("POST", SETS, wanted(step(3000), publish=True))
    found = alice("GET", f"/change-sets/{done}/forecast").json()
    assert found["does"] == "revert"
    assert [one["leaves"] for one in found["differences"]] == [
        [{"path": PERIOD, "before": 3000, "after": 1000}]
    ]
    assert [(one["path"], one["author"]) for one in found["touched"]] == [(PERIOD, "alice")]


def test_what_will_never_be_published_has_none(published: build.Cast, alice: Caller) -> None:
    draft = alice("POST", SETS, wanted()).json()["id"]
    alice("POST", f"/change-sets/{draft}/cancel", {"reason": "not needed"})
    answer = alice("GET", f"/change-sets/{draft}/forecast")
    assert (answer.status_code, "is cancelled" in answer.json()["detail"]) == (409, True), answer.content
