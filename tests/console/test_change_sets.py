"""Change sets over REST: preview, publish, draft, edit, cancel, revert, and who may."""

from typing import Any
from uuid import uuid4

import pytest

from configs.models import ChangeSet, Version
from edges import tenancy
from tests import build
from tests.console.conftest import Caller

SETS = "/organizations/acme/change-sets"
PERIOD = "/core_cycle/period_ms"


def step(value: Any = 2000, target: str = "organization/acme", op: str = "set", path: str = PERIOD) -> dict:
    scope, _, code = target.partition("/")
    made = {"scope": scope, "target": code, "op": op, "path": path}
    return made if op in ("unset", "remove") else made | {"value": value}


def wanted(*steps: dict, **more: Any) -> dict:
    return {"reason": "A test", "operations": list(steps or [step()]), **more}


def counts(cast: build.Cast) -> tuple[int, int]:
    with tenancy.scope([cast.acme.pk]):
        return ChangeSet.objects.count(), Version.objects.count()


def test_a_change_set_is_published_at_once(published: build.Cast, alice: Caller) -> None:
    answer = alice("POST", SETS, wanted(publish=True))
    assert answer.status_code == 201
    told = answer.json()
    assert set(told) >= {"id", "state", "preview_digest", "affected", "unaffected", "warnings"}
    assert told["state"] == "published"
    assert told["affected"][0] == {
        "edge_id": "acme-north-1",
        "from_version": 1,
        "version": 2,
        "changed_sections": ["core_cycle"],
    }


def test_a_dry_run_answers_200_and_stores_no_change(published: build.Cast, alice: Caller) -> None:
    before = counts(published)
    answer = alice("POST", f"{SETS}?dry_run=true", wanted(publish=True))
    assert (answer.status_code, answer.json()["id"], len(answer.json()["affected"])) == (200, None, 2)
    assert counts(published) == before


def test_a_preview_digest_publishes_what_was_seen_and_nothing_else(
    published: build.Cast, alice: Caller
) -> None:
    seen = alice("POST", f"{SETS}?dry_run=true", wanted()).json()["preview_digest"]
    alice("POST", SETS, wanted(step({"period_ms": 3000}, "site/north", path="/core_cycle"), publish=True))
    refused = alice("POST", SETS, wanted(publish=True, preview_digest=seen))
    assert (refused.status_code, refused.json()["code"]) == (409, "preview_changed")
    again = alice("POST", f"{SETS}?dry_run=true", wanted()).json()["preview_digest"]
    assert alice("POST", SETS, wanted(publish=True, preview_digest=again)).status_code == 201


def test_a_draft_is_read_changed_and_published(published: build.Cast, alice: Caller) -> None:
    draft = alice("POST", SETS, wanted()).json()
    assert draft["state"] == "draft"
    path = f"/change-sets/{draft['id']}"
    read = alice("GET", path)
    assert [one["value"] for one in read.json()["operations"]] == [2000]
    assert alice("PATCH", path, {"reason": "x"}).status_code == 428
    changed = alice("PATCH", path, {"operations": [step(2500)]}, If_Match=read["ETag"])
    assert changed.status_code == 200, changed.content
    assert [one["value"] for one in changed.json()["operations"]] == [2500]
    assert alice("PATCH", path, {"reason": "x"}, If_Match=read["ETag"]).status_code == 412
    published_answer = alice("POST", f"{path}/publish", {"reason": "Now"})
    assert (published_answer.status_code, published_answer.json()["state"]) == (201, "published")
    again = alice("POST", f"{path}/publish", {})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_a_draft_whose_paths_were_touched_since_is_a_conflict(published: build.Cast, alice: Caller) -> None:
    draft = alice("POST", SETS, wanted()).json()
    alice("POST", SETS, wanted(step(4000), publish=True))
    refused = alice("POST", f"/change-sets/{draft['id']}/publish", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_a_cancelled_draft_is_not_published(published: build.Cast, alice: Caller) -> None:
    path = f"/change-sets/{alice('POST', SETS, wanted()).json()['id']}"
    cancelled = alice("POST", f"{path}/cancel", {"reason": "No longer"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert alice("POST", f"{path}/publish", {}).status_code == 409


def test_a_revert_publishes_the_inverse(published: build.Cast, alice: Caller) -> None:
    done = alice("POST", SETS, wanted(publish=True)).json()
    back = alice("POST", f"/change-sets/{done['id']}/revert", {"reason": "Too slow"})
    assert (back.status_code, back.json()["state"]) == (201, "published")
    layer = alice("GET", "/organizations/acme/layers/organization/acme").json()
    assert layer["core_cycle"] == {"period_ms": 1000}
    listed = alice("GET", SETS).json()["items"]
    assert listed[0]["reverts"] == done["id"]


def test_change_sets_are_listed_newest_first_and_filtered(published: build.Cast, alice: Caller) -> None:
    alice("POST", SETS, wanted())
    alice("POST", SETS, wanted(step(3000), publish=True) | {"reason": "Slower everywhere"})
    numbers = [item["number"] for item in alice("GET", SETS).json()["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert [item["state"] for item in alice("GET", f"{SETS}?state=draft").json()["items"]] == ["draft"]
    assert len(alice("GET", f"{SETS}?text=everywhere").json()["items"]) == 1
    assert alice("GET", f"{SETS}?state=dreaming").status_code == 400


def test_a_selector_reaches_the_edges_that_it_names(published: build.Cast, alice: Caller) -> None:
    body = {
        "reason": "North",
        "operations": [{"scope": "edge", "op": "set", "path": PERIOD, "value": 5000}],
        "selector": {"sites": ["north"]},
        "publish": True,
    }
    answer = alice("POST", SETS, body)
    assert [item["edge_id"] for item in answer.json()["affected"]] == ["acme-north-1"]
    assert alice("POST", SETS, body | {"selector": {}}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "x"},
        {"reason": "x", "operations": []},
        {"reason": "x", "operations": [{}]},
        {"reason": "x", "operations": [step() | {"op": "explode"}]},
        {"reason": "x", "operations": [step() | {"extra": 1}]},
        {"reason": "x", "operations": [step(None)]},
        {"reason": "x", "operations": [step() | {"path": "no-slash"}]},
        {"reason": "x", "operations": [step() | {"scope": "edge", "target": "birch-main-1"}]},
        {"reason": "x", "operations": [step() | {"scope": "edge", "target": "unknown-1"}]},
        {"reason": "x", "operations": [step()], "publish": "yes"},
        {"reason": "x", "operations": [step()], "exclude": ["birch-main-1"]},
        {"reason": 5, "operations": [step()]},
        [],
        "text",
    ],
)
def test_a_body_that_is_no_change_set_is_422_and_stores_nothing(
    published: build.Cast, alice: Caller, body: Any
) -> None:
    before = counts(published)
    for query in ("", "?dry_run=true"):
        refused = alice("POST", SETS + query, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert counts(published) == before


def test_a_foreign_and_an_unknown_target_are_refused_alike(published: build.Cast, alice: Caller) -> None:
    told = []
    for edge_id in ("birch-main-1", "never-there"):
        refused = alice("POST", SETS, wanted(step(target=f"edge/{edge_id}"), publish=True))
        told.append(refused.content.replace(edge_id.encode(), b"X").replace(_instance(refused), b""))
    assert told[0] == told[1]


def _instance(answer: Any) -> bytes:
    return answer.json()["instance"].encode()


def test_a_foreign_and_an_unknown_change_set_are_answered_alike(
    published: build.Cast, alice: Caller, dora: Caller
) -> None:
    foreign = dora(
        "POST", "/organizations/birch/change-sets", wanted(step(target="organization/birch"))
    ).json()["id"]
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"reason": "x"}),
        ("POST", "/publish", {}),
        ("POST", "/revert", {"reason": "x"}),
        ("POST", "/cancel", {"reason": "x"}),
    ):
        answers = [alice(method, f"/change-sets/{pk}{suffix}", body) for pk in (foreign, uuid4())]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_viewer_reads_and_neither_previews_nor_publishes(
    published: build.Cast, alice: Caller, bob: Caller
) -> None:
    draft = alice("POST", SETS, wanted()).json()["id"]
    assert bob("GET", SETS).status_code == 200
    assert bob("GET", f"/change-sets/{draft}").status_code == 200
    assert bob("POST", SETS, wanted()).status_code == 403
    assert bob("POST", f"{SETS}?dry_run=true", wanted()).status_code == 403
    assert bob("POST", f"/change-sets/{draft}/publish", {}).status_code == 403
    assert bob("POST", f"/change-sets/{draft}/cancel", {"reason": "x"}).status_code == 403


def test_a_person_of_one_site_changes_its_layers_and_edges_alone(
    published: build.Cast, alice: Caller, nora: Caller
) -> None:
    allowed = nora("POST", SETS, wanted(step(target="site/north"), publish=True))
    assert allowed.status_code == 201, allowed.content
    assert nora("GET", f"/change-sets/{allowed.json()['id']}").status_code == 200
    for refused in (
        wanted(step(target="site/south")),
        wanted(step()),
        wanted(step(target="edge/acme-south-1")),
        wanted(step("south", "edge/acme-north-1", "move", "")),
        wanted({"scope": "edge", "op": "set", "path": PERIOD, "value": 1500}, selector={"all": True}),
        wanted({"scope": "edge", "op": "set", "path": PERIOD, "value": 1500}, selector={"tags": ["x"]}),
        wanted(step(target="site/north"), exclude=["acme-south-1"]),
    ):
        assert nora("POST", SETS, refused).status_code == 403
    everywhere = alice("POST", SETS, wanted(step(6000))).json()["id"]
    assert nora("GET", f"/change-sets/{everywhere}").status_code == 404
    assert [item["id"] for item in nora("GET", SETS).json()["items"]] == [allowed.json()["id"]]


def test_publishing_takes_the_same_queries_for_any_number_of_edges(
    published: build.Cast, alice: Caller, django_assert_num_queries
) -> None:
    counted = []
    for number, value in ((0, 1100), (12, 1200)):
        for index in range(number):
            body = {"edge_id": f"acme-many-{index}", "site": "north"}
            assert alice("POST", "/organizations/acme/edges", body).status_code == 201
        with django_assert_num_queries(60, exact=False) as captured:
            answer = alice("POST", SETS, wanted(step(value), publish=True))
        assert len(answer.json()["affected"]) == 2 + number
        counted.append(len(captured))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("asked", ["", "?dry_run=true"])
def test_a_wave_that_names_what_is_not_here_is_a_problem_with_its_sentence(
    published: build.Cast, alice: Caller, asked: str
) -> None:
    draft = alice("POST", SETS, wanted()).json()
    waves = [{"selector": {"sites": ["nrth"]}}]
    refused = alice("POST", f"/change-sets/{draft['id']}/rollout{asked}", {"waves": waves})
    assert (refused.status_code, refused["Content-Type"]) == (422, "application/problem+json")
    assert [(one["path"], one["detail"]) for one in refused.json()["errors"]] == [
        ("/waves/0/selector", "wave 1: there is no site 'nrth' here")
    ]
