"""On the desk: values are changed where they are seen, gather in a draft, are published after a preview."""

import html
import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from configs import adopting, signing
from configs.changes import Actor
from configs.models import ChangeSet, Operation, State, Version
from configs.rollouts.models import Rollout, RolloutWave
from edges import tenancy
from edges.models import Edge, Stage
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

PERIOD = "/core_cycle/period_ms"
PEAK = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"


def value_page(edge: Edge, pointer: str) -> str:
    return f"{reverse('admin:console_value', args=[edge.pk])}?path={pointer}"


def put(client: Client, edge: Edge, pointer: str, act: str, value: str = "", kind: str = "number"):
    fields = {"act": act, "kind": kind, "value": value, "then": "preview"}
    return client.post(value_page(edge, pointer), fields)


def digest_of(shown: str) -> str:
    found = re.search(r'name="preview_digest" value="([^"]*)"', shown)
    assert found
    return found[1]


def forecast(client: Client, page: str) -> str:
    """The page with the part that it asks for itself once it has come."""
    shown = text(client.get(page))
    found = re.search(r'id="forecast" data-later="([^"]*)"', shown)
    assert found
    assert "preview_digest" not in shown
    return text(client.get(html.unescape(found[1])))


def drafts(cast: build.Cast) -> list[ChangeSet]:
    with tenancy.scope([cast.acme.pk]):
        return list(ChangeSet.objects.filter(state=State.DRAFT))


def steps_of(draft: ChangeSet) -> list[tuple[str, str, str, str | None]]:
    with tenancy.scope([draft.organization_id]):
        rows = Operation.objects.filter(change_set=draft)
        return [(one.scope, one.op, one.path, one.value) for one in rows]


def test_a_value_is_asked_for_as_its_schema_says(published: build.Cast) -> None:
    client = signed_in(published.alice)
    leaves = text(client.get(reverse("admin:console_effective", args=[published.acme_north.pk])))
    assert f"path={PERIOD.replace('/', '%2F')}" in leaves
    number = text(client.get(value_page(published.acme_north, PERIOD)))
    assert re.search(r'type="number"[^>]*value="1000"[^>]*min="100"[^>]*max="60000"', number)
    assert "from 100 to 60,000 ms" in number
    assert "set by the organization acme" in number
    choice = text(client.get(value_page(published.acme_north, "/scheduler/strategy")))
    assert re.search(r"<option value=\"&quot;fixed_order&quot;\" selected", choice)
    check = text(client.get(value_page(published.acme_north, "/modbus_devices/ess0/enabled")))
    assert re.search(r'type="checkbox"[^>]* checked', check)
    assert 'name="kind" value="json"' in text(client.get(value_page(published.acme_north, "/modbus_devices")))


def test_wrong_values_are_answered_with_what_is_expected(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    for pointer, kind, value, said in (
        (PERIOD, "number", "1", "from 100 to 60,000 ms"),
        (PERIOD, "number", "fast", "a whole number"),
        ("/alarms", "json", '[\n {"id": ]', "Line 2"),
        ("/scheduler/strategy", "choice", '"by mood"', "/scheduler/strategy"),
        ("/core_cycle/unheard_of", "number", "1", "no such field"),
    ):
        answer = put(client, edge, pointer, "set:edge", value, kind)
        assert (answer.status_code, said in text(answer)) == (422, True), text(answer)
    assert drafts(published) == []


def test_changes_gather_in_one_draft_which_is_previewed_and_published(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    first = put(client, edge, PERIOD, "set:organization", "2000")
    put(client, edge, PERIOD, "set:organization", "3000")
    put(client, edge, PEAK, "set:edge", "30000")
    (draft,) = drafts(published)
    assert steps_of(draft) == [
        ("organization", "set", PERIOD, "3000"),
        ("edge", "set", PEAK, "30000"),
    ]
    bar = text(client.get(reverse("admin:console_effective", args=[edge.pk])))
    assert f"2 changes in your draft #{draft.number}" in bar
    for page in ("/admin/", "/admin/fleet/", "/admin/history/"):
        assert f"2 changes in your draft #{draft.number}" in text(client.get(page)), page
    shown = forecast(client, first["Location"])
    assert f"{PERIOD}</code> 1,000 → 3,000 on <strong>2 edges in 2 sites</strong>" in shown
    assert f"{PEAK}</code> 50,000 → 30,000 on <strong>1 edge in 1 site</strong>" in shown
    assert "2 with the next control cycle" in shown
    asked = {"step": "publish", "preview_digest": digest_of(shown), "needs_count": "2"}
    no_reason = client.post(first["Location"], asked | {"count": "2"})
    assert (no_reason.status_code, "Say why" in text(no_reason)) == (422, True)
    no_count = client.post(first["Location"], asked | {"reason": "Summer"})
    assert (no_count.status_code, 'value="Summer"' in text(no_count)) == (422, True)
    done = client.post(first["Location"], asked | {"reason": "Summer", "count": "2"})
    assert done["Location"] == reverse("admin:configs_changeset_change", args=[draft.pk])
    assert drafts(published) == []
    with tenancy.scope([published.acme.pk]):
        assert Version.objects.get(edge=edge, number=2).change_set.reason == "Summer"
    assert "Summer" in text(client.get(reverse("admin:console_effective", args=[edge.pk])))


def test_an_import_kept_as_a_draft_is_in_the_bar_and_gathers_nothing(
    published: build.Cast, alice: Caller
) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    layer = {"scope": "edge", "target": edge.edge_id, "body": {"core_cycle": {"period_ms": 4000}}}
    kept = alice(
        "POST", "/organizations/acme/import", {"reason": "Moved", "layers": [layer], "publish": False}
    )
    assert kept.status_code == 201, kept.content
    (draft,) = drafts(published)
    assert f"1 change in your draft #{draft.number}" in text(client.get("/admin/"))
    put(client, edge, PEAK, "set:edge", "30000")
    assert len(drafts(published)) == 2


def test_steps_are_taken_out_and_the_last_one_ends_the_draft(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    page = put(client, edge, PERIOD, "set:edge", "2000")["Location"]
    put(client, edge, PEAK, "set:edge", "30000")
    keys = re.findall(r'name="key" value="([^"]*)"', text(client.get(page)))
    assert len(keys) == 2
    client.post(page, {"step": "take_out", "key": keys[0]})
    again = client.post(page, {"step": "take_out", "key": keys[0]})
    assert (again.status_code, "taken out or replaced meanwhile" in text(again)) == (422, True)
    assert [one[2] for one in steps_of(drafts(published)[0])] == [PEAK]
    client.post(page, {"step": "take_out", "key": keys[1]})
    assert drafts(published) == []


def test_what_others_did_meanwhile_is_said_with_the_next_step(published: build.Cast, alice: Caller) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    page = put(client, edge, PERIOD, "set:organization", "2000")["Location"]
    before = forecast(client, page)
    theirs = build.document() | {"core_cycle": {"period_ms": 4000}}
    alice("PUT", "/organizations/acme/layers/organization/acme", theirs, If_Match='"1"')
    asked = {"step": "publish", "reason": "Mine", "preview_digest": digest_of(before)}
    refused = client.post(page, asked)
    shown = text(refused)
    assert (refused.status_code, 'value="Mine"' in shown) == (409, True)
    assert "take the newest base" in shown
    assert "Others changed the same since you began" in shown
    put(client, edge, PEAK, "set:edge", "30000")  # does not make theirs forgotten
    assert "Others changed the same" in forecast(client, page)
    after = text(client.post(page, {"step": "take_newest"}, follow=True))
    assert "Others changed the same" not in after
    stale = client.post(page, asked)
    assert (stale.status_code, "What is different from the preview" in text(stale)) == (409, True)
    fresh = client.post(page, asked | {"preview_digest": digest_of(text(stale))})
    assert fresh.status_code == 302
    assert drafts(published) == []


def test_a_draft_may_be_half_until_it_is_published(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    recharge = "/scheduler/controllers/ctrlPeakShaving0/parameters/recharge_threshold_watts"
    page = put(client, edge, recharge, "set:edge", "60000")["Location"]
    half = forecast(client, page)
    assert ("It cannot be published yet" in half, "[E09]" in half) == (True, True)
    assert 'value="publish"' not in half
    put(client, edge, PEAK, "set:edge", "70000")
    assert "1 edge in 1 site will get a new version" in forecast(client, page)
    put(client, edge, recharge, "unset:edge")
    put(client, edge, PEAK, "set:edge", "50000", "number")


def test_edges_with_their_own_value_are_named_and_nothing_is_nothing(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    page = put(client, edge, PERIOD, "set:edge", "1500")["Location"]
    own = {"step": "publish", "reason": "Own", "preview_digest": digest_of(forecast(client, page))}
    assert client.post(page, own).status_code == 302
    page = put(client, edge, PERIOD, "set:organization", "2000")["Location"]
    shown = forecast(client, page)
    assert "keeps its own value, which hides this one" in shown
    assert edge.edge_id in shown
    put(client, edge, PERIOD, "set:organization", "1000")
    nothing = forecast(client, page)
    assert ("Nothing changes." in nothing, 'value="publish"' in nothing) == (True, False)
    client.post(page, {"step": "discard"})
    assert drafts(published) == []


def test_a_viewer_reads_a_draft_and_changes_nothing(published: build.Cast) -> None:
    edge = published.acme_north
    page = put(signed_in(published.alice), edge, PERIOD, "set:edge", "2000")["Location"]
    viewer = signed_in(published.bob)
    shown = text(viewer.get(page))
    assert (PERIOD in shown, 'name="step"' in shown) == (True, False)
    assert viewer.post(page, {"step": "discard"}).status_code == 403
    assert viewer.get(value_page(edge, PERIOD)).status_code == 403


def test_a_published_change_is_reverted_after_its_preview(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    page = put(client, edge, PERIOD, "set:edge", "2000")["Location"]
    own = {"step": "publish", "reason": "Own", "preview_digest": digest_of(forecast(client, page))}
    change = client.post(page, own)["Location"]
    revert = re.search(r'href="([^"]*/revert/)"', text(client.get(change)))
    assert revert
    shown = forecast(client, revert[1])
    assert f"{PERIOD}</code> 2,000 → 1,000 on <strong>1 edge in 1 site</strong>" in shown
    assert client.post(revert[1], {"reason": "Unseen"}).status_code == 422
    done = client.post(revert[1], {"reason": "Too slow", "preview_digest": digest_of(shown)})
    assert "is reverted by" in text(client.get(done["Location"]))
    with tenancy.scope([published.acme.pk]):
        assert ChangeSet.objects.get(reason="Own").state == State.REVERTED


def test_a_revert_of_what_others_changed_since_becomes_a_draft(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    changes = []
    for value in ("2000", "3000"):
        page = put(client, edge, PERIOD, "set:edge", value)["Location"]
        own = {"step": "publish", "reason": value, "preview_digest": digest_of(forecast(client, page))}
        changes.append(client.post(page, own)["Location"])
    revert = changes[0].replace("/configs/changeset/", "/changes/").replace("/change/", "/revert/")
    shown = forecast(client, revert)
    assert "Others changed the same since" in shown
    done = client.post(revert, {"reason": "Back", "preview_digest": digest_of(shown)})
    (draft,) = drafts(published)
    assert done["Location"] == reverse("admin:console_draft", args=[draft.pk])
    assert "3,000 → 1,000" in forecast(client, done["Location"])


def test_a_wide_change_is_let_out_in_waves_of_ones_own(published: build.Cast) -> None:
    client = signed_in(published.alice)
    with tenancy.scope([published.acme.pk]):
        Edge.objects.update(stage=Stage.IN_SERVICE)
    page = put(client, published.acme_north, PERIOD, "set:organization", "2000")["Location"]
    shown = forecast(client, page)
    assert re.search(r'data-kind="primary" name="step" value="roll_out"', shown)
    asked = {"step": "roll_out", "reason": "Waves", "preview_digest": digest_of(shown), "preset": "own"}
    for wrong, said in (({}, "at least one wave"), ({"share_1": "a few"}, "neither a percentage")):
        answer = client.post(page, asked | wrong)
        assert (answer.status_code, said in text(answer), 'value="Waves"' in text(answer)) == (
            422,
            True,
            True,
        )
    waves = {"share_1": "1", "share_2": "100 %", "bake_minutes": "7", "limit": "10 %", "on_fail": "hold"}
    done = client.post(page, asked | waves)
    with tenancy.scope([published.acme.pk]):
        rollout = Rollout.objects.get()
        names = [one.name for one in RolloutWave.objects.filter(rollout=rollout).order_by("position")]
    assert done["Location"] == reverse("admin:console_rollout", args=[rollout.pk])
    assert names[:2] == ["1 edge", "up to 100 %"]
    knobs = ("bake_seconds", "bad_percent", "on_fail")
    assert [rollout.policy[name] for name in knobs] == [420, 10, "hold"]


def test_a_preview_takes_the_same_queries_for_any_number_of_edges(published: build.Cast) -> None:
    client = signed_in(published.alice)
    page = put(client, published.acme_north, PERIOD, "set:organization", "2000")["Location"]
    counted = []
    for number in (0, 12):
        for index in range(number):
            edge = build.make_edge(published.north, f"acme-more-{index}")
            with tenancy.scope([published.acme.pk]):
                adopting.adopt(edge=edge, actor=Actor("more"), now=build.NOW, signer=signing.signer())
        client.get(page)
        with CaptureQueriesContext(connection) as captured:
            shown = forecast(client, page)
        counted.append(len(captured))
    assert "14 edges in 2 sites" in shown
    assert counted[0] == counted[1] <= 45


def test_a_layer_that_is_being_rolled_out_offers_to_publish_beside_it(
    published: build.Cast, rollout: Rollout
) -> None:
    client = signed_in(published.alice)
    put(client, published.acme_north, PEAK, "set:organization", "42000")
    (draft,) = (one for one in drafts(published) if one.author == "alice")
    address = reverse("admin:console_draft", args=[draft.pk])
    form = {"reason": "Shave", "preview_digest": digest_of(forecast(client, address))}
    refused = client.post(address, {**form, "step": "publish"})
    assert refused.status_code == 409
    assert "organization/acme is being rolled out by #" in text(refused)
    assert reverse("admin:console_rollout", args=[rollout.pk]) in text(refused)
    form["preview_digest"] = digest_of(text(refused))
    assert client.post(address, {**form, "step": "publish_beside"}).status_code == 302
    with tenancy.scope([published.acme.pk]):
        assert ChangeSet.objects.get(pk=draft.pk).state == State.PUBLISHED
