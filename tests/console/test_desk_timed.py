"""Change sets on the desk: how one stands, the acts that fit, and what each page says."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from configs import changesets, jobs, publishing, signing
from configs.changes import Actor, Change, Operation
from configs.models import ChangeSet
from configs.timed import approving
from edges import tenancy
from edges.models import Edge, Stage
from ems import worker
from tests import build
from tests.console.test_desk import signed_in, text
from tests.console.test_drafts import PEAK, forecast, put

PERIOD = "/core_cycle/period_ms"


@pytest.fixture
def draft(published: build.Cast) -> UUID:
    """Of Alice's, for the whole organization."""
    step = Operation("organization", "acme", "set", PERIOD, 2000)
    made = changesets.create_draft(
        organization_id=published.acme.pk,
        change=Change(reason="A slower cycle", operations=[step]),
        actor=Actor("alice", published.alice.pk),
        now=build.NOW,
    )
    return made.change_set_id


@pytest.fixture
def eve(cast: build.Cast) -> Any:
    user = build.make_user("eve")
    build.make_membership(user, cast.acme, "approver")
    return user


def shown(draft: UUID, user: Any) -> str:
    answer = signed_in(user).get(f"/admin/configs/changeset/{draft}/change/")
    assert answer.status_code == 200
    return text(answer)


def acts(page: str) -> list[str]:
    return re.findall(r'/act/(\w+)/"', page)


def do(draft: UUID, user: Any, name: str, **form: Any) -> Any:
    """The page is asked first, so that what it previews is what is sent."""
    client, address = signed_in(user), f"/admin/change-sets/{draft}/act/{name}/"
    hidden = re.findall(
        r'type="hidden" name="(preview_digest|rule)" value="(\w+)"', text(client.get(f"{address}?forecast"))
    )
    return client.post(address, {**dict(hidden), **form})


def state(cast: build.Cast, draft: UUID) -> str:
    with tenancy.scope([cast.acme.pk]):
        return ChangeSet.objects.get(pk=draft).state


def guard(cast: build.Cast) -> None:
    approving.set_rule(
        organization_id=cast.acme.pk, above_edges=1, paths=(), actor=Actor("root"), now=build.NOW
    )


def work(cast: build.Cast) -> None:
    now = datetime.now(UTC)
    with tenancy.scope([cast.acme.pk]):
        while due := jobs.find(now, besides=()):
            jobs.take(due, now)
            worker.HANDLERS[due.kind](due, now)


def test_a_draft_is_published_in_the_background_and_its_page_tells(
    published: build.Cast, draft: UUID
) -> None:
    page = shown(draft, published.alice)
    assert acts(page) == ["publish", "schedule", "end", "cancel"]
    asked = forecast(signed_in(published.alice), f"/admin/change-sets/{draft}/act/publish/")
    assert "2 edges in 2 sites will get a new version" in asked
    assert do(draft, published.alice, "publish", background="on").status_code == 302
    waiting = shown(draft, published.bob)
    assert "Waiting" in waiting
    assert "<progress" in waiting
    assert acts(waiting) == []
    work(published)
    assert state(published, draft) == "published"
    assert acts(shown(draft, published.alice)) == ["end"]


def test_it_is_scheduled_moved_and_taken_back(published: build.Cast, draft: UUID) -> None:
    alice = published.alice
    bad = do(draft, alice, "schedule", time_zone="Europe/Berlin")
    assert (bad.status_code, "give a time, or the hours of a window" in text(bad)) == (422, True)
    bad = do(draft, alice, "schedule", time_zone="Europe/Berlin", opens="25:00", closes="04:00")
    assert (bad.status_code, "is no time of day" in text(bad).replace("&#x27;", "'")) == (422, True)
    window = {"time_zone": "Europe/Berlin", "opens": "22:00", "closes": "04:00", "days": ["sun"]}
    assert do(draft, alice, "schedule", **window).status_code == 302
    page = shown(draft, alice)
    assert (
        "in the window sun 22:00 to 04:00 (Europe/Berlin), everywhere at once, by the word of alice" in page
    )
    assert acts(page) == ["schedule", "publish_now", "unschedule", "end", "cancel"]
    gap = do(draft, alice, "end", until="2027-03-28T02:30", time_zone="Europe/Berlin")
    assert (gap.status_code, "02:30 does not exist on 2027-03-28" in text(gap)) == (422, True)
    assert do(draft, alice, "unschedule", reason="not now").status_code == 302
    assert state(published, draft) == "draft"
    assert "unscheduled by alice: not now" in shown(draft, alice)


def test_a_wide_change_offers_waves_first_and_else_takes_the_number_of_edges(
    published: build.Cast, draft: UUID
) -> None:
    with tenancy.scope([published.acme.pk]):
        Edge.objects.update(stage=Stage.IN_SERVICE)
    client, sent = signed_in(published.alice), {"needs_count": "2", "time_zone": "UTC"}
    page = forecast(client, f"/admin/change-sets/{draft}/act/publish/")
    assert re.search(rf'data-kind="primary" href="/admin/drafts/{draft}/">Roll out instead', page)
    assert 'name="needs_count" value="2"' in page
    refused = do(draft, published.alice, "publish", needs_count="2", background="on")
    assert (refused.status_code, "Type 2, the number of edges" in text(refused)) == (422, True)
    later = forecast(client, f"/admin/change-sets/{draft}/act/schedule/")
    assert '<option value="normal" selected>' in later
    assert do(draft, published.alice, "schedule", opens="02:00", closes="04:00", **sent).status_code == 302
    assert do(draft, published.alice, "publish_now", **sent).status_code == 422
    assert state(published, draft) == "scheduled"
    assert "Roll out instead" in forecast(client, f"/admin/change-sets/{draft}/act/publish_now/")
    waves = {"opens": "02:00", "closes": "04:00", "how": "careful", "time_zone": "UTC"}
    assert do(draft, published.alice, "schedule", **waves).status_code == 302
    assert "needs_count" not in forecast(client, f"/admin/change-sets/{draft}/act/publish_now/")
    assert do(draft, published.alice, "publish_now").status_code == 302
    assert "as a rollout, by the word of alice" in shown(draft, published.alice)
    work(published)
    assert state(published, draft) == "in_rollout"


def test_what_the_preview_no_longer_is_is_not_published(published: build.Cast, draft: UUID) -> None:
    answer = do(draft, published.alice, "publish", preview_digest="0" * 64)
    assert (answer.status_code, "preview is not known" in text(answer)) == (422, True)
    assert state(published, draft) == "draft"
    unseen = signed_in(published.alice).post(f"/admin/change-sets/{draft}/act/publish/")
    assert (unseen.status_code, "Look at what it does first" in text(unseen)) == (422, True)


def test_the_approver_sees_what_the_author_saw(published: build.Cast, draft: UUID, eve: Any) -> None:
    guard(published)
    do(draft, published.alice, "request_approval")
    own = Operation("edge", "acme-north-1", "set", PERIOD, 1500)
    changes = {"organization_id": published.acme.pk, "now": build.NOW, "actor": Actor("bob")}
    publishing.publish(**changes, change=Change("Own", [own]), signer=signing.signer())
    address = f"/admin/change-sets/{draft}/act/approve/"
    page = forecast(signed_in(eve), address)
    for said in (
        f'href="/admin/change-sets/{draft}/act/reject/">Reject',
        f"{PERIOD}</code> 1,000 → 2,000 on <strong>1 edge in 1 site</strong>",
        "keeps its own value, which hides this one",
        published.acme_north.edge_id,
        "What restarts: core_cycle",
    ):
        assert said in page
    refused = do(draft, eve, "approve")
    assert (refused.status_code, "What is different from the preview" in text(refused)) == (422, True)
    assert state(published, draft) == "awaiting_approval"


def test_somebody_else_approves_and_it_says_who(published: build.Cast, draft: UUID, eve: Any) -> None:
    guard(published)
    refused = do(draft, published.alice, "publish")
    assert (refused.status_code, "request an approval" in text(refused)) == (422, True)
    assert "request_approval" in acts(shown(draft, published.alice))
    assert do(draft, published.alice, "request_approval").status_code == 302
    assert "A slower cycle" in text(signed_in(eve).get("/admin/approvals/acme/"))
    waiting = "/admin/approvals/"
    home = text(signed_in(eve).get("/admin/"))
    assert re.search(rf'href="{waiting}"[^>]*>.*?Waiting for approval', home, re.DOTALL)
    assert "1 change waits for your approval" in home
    listed = text(signed_in(eve).get(waiting))
    for said in ("A slower cycle", "<td>alice</td>", "the defaults of all edges", "it changes 2 edges"):
        assert said in listed
    assert acts(listed) == ["approve"]
    assert "A slower cycle" not in text(signed_in(eve).get(f"{waiting}?organization=birch"))
    for user, said in ((published.alice, "Yours: it takes"), (published.bob, "Beyond your role")):
        theirs = text(signed_in(user).get(waiting))
        assert (said in theirs, acts(theirs)) == (True, [])
        assert "for your approval" not in text(signed_in(user).get("/admin/"))
    own = do(draft, published.alice, "approve")
    assert (own.status_code, "takes the word of somebody else" in text(own)) == (422, True)
    assert acts(shown(draft, eve)) == ["approve", "reject"]
    assert acts(shown(draft, published.alice)) == ["take_back", "request_approval", "cancel"]
    assert do(draft, eve, "approve", comment="fine").status_code == 302
    assert "Approved by eve" in shown(draft, published.alice)
    assert "A slower cycle" not in text(signed_in(eve).get(waiting))
    assert do(draft, eve, "publish").status_code == 403
    assert do(draft, published.alice, "publish").status_code == 302
    assert state(published, draft) == "published"


def test_who_approves_for_one_site_sees_what_stays_in_it(
    published: build.Cast, draft: UUID, eve: Any
) -> None:
    approving.set_rule(
        organization_id=published.acme.pk, above_edges=0, paths=(), actor=Actor("root"), now=build.NOW
    )
    steps = [Operation("edge", published.acme_north.edge_id, "set", PERIOD, 3000)]
    which = {"organization_id": published.acme.pk, "actor": Actor("bob"), "now": build.NOW}
    own = changesets.create_draft(**which, change=Change("In the north", steps)).change_set_id
    approving.request(**which, change_set_id=own)
    do(draft, published.alice, "request_approval")
    nora = build.make_user("nora")
    build.make_membership(nora, published.acme, "approver", site=published.north)
    listed = text(signed_in(nora).get("/admin/approvals/"))
    assert ("In the north" in listed, "A slower cycle" in listed, acts(listed)) == (True, False, ["approve"])
    assert "1 change waits for your approval" in text(signed_in(nora).get("/admin/"))
    assert do(own, nora, "approve").status_code == 302
    everything = text(signed_in(eve).get("/admin/approvals/"))
    assert ("In the north" in everything, "A slower cycle" in everything) == (False, True)


def test_a_no_is_shown_with_its_comment(published: build.Cast, draft: UUID, eve: Any) -> None:
    guard(published)
    do(draft, published.alice, "request_approval")
    assert do(draft, eve, "reject").status_code == 422
    assert do(draft, eve, "reject", comment="not before Monday").status_code == 302
    page = shown(draft, published.alice)
    assert "Rejected by eve" in page
    assert "not before Monday" in page
    assert acts(page) == ["take_back"]
    assert do(draft, eve, "take_back", reason="mine now").status_code == 403
    back = do(draft, published.alice, "take_back", reason="on Monday then")
    assert back["Location"] == f"/admin/drafts/{draft}/"
    assert f"set {PERIOD} to 2000" in text(signed_in(published.alice).get(back["Location"]))
    assert "taken back by alice: on Monday then" in shown(draft, published.alice)


def test_an_edit_voids_an_approval_and_the_page_says_so(published: build.Cast, draft: UUID, eve: Any) -> None:
    guard(published)
    client, page = signed_in(published.alice), f"/admin/drafts/{draft}/"

    def take_out_one() -> None:
        key = re.findall(r'name="key" value="([^"]*)"', text(client.get(page)))[-1]
        client.post(page, {"step": "take_out", "key": key})

    for edit in (
        lambda: put(client, published.acme_north, PEAK, "set:edge", "30000"),
        take_out_one,
        lambda: client.post(page, {"step": "take_newest"}),
    ):
        do(draft, published.alice, "request_approval")
        assert do(draft, eve, "approve").status_code == 302
        assert "<p>Approved by eve" in shown(draft, published.alice)
        edit()
        after = shown(draft, published.alice)
        assert "<p>Approved by eve" not in after
        assert "<p>Void: it is no longer what was looked at. Approved before that by eve" in after
        refused = do(draft, published.alice, "publish")
        assert (refused.status_code, "request an approval" in text(refused)) == (422, True)
    assert after.count("approval void by alice: an edit") == 3


def test_the_rule_is_set_by_who_may_and_said_to_all(published: build.Cast, eve: Any) -> None:
    address = "/admin/approvals/acme/"
    assert (
        signed_in(published.alice).post(address, {"above_edges": "5", "paths": "/meter"}).status_code == 302
    )
    page = text(signed_in(eve).get(address))
    assert "more than 5 edges or /meter" in page
    assert "Set the rule" not in page
    assert signed_in(eve).post(address, {"above_edges": "9"}).status_code == 403
    bad = signed_in(published.alice).post(address, {"paths": "meter"})
    assert (bad.status_code, "Not done" in text(bad)) == (422, True)
