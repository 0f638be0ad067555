"""On the desk: a layer from its box to a published change, the acts on one edge, and what they say first."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from configs.models import ChangeSet, Hold, Layer, Version
from edges import tenancy
from edges.models import Edge, EdgeKey, EdgeRequest, EnrollmentToken, Stage
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

ACME = "/admin/layers/acme/organization/acme/"


def hidden(shown: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', shown)
    assert found, name
    return found[1]


def posted(client: Client, body: object, step: str = "preview", **more: str):
    typed = body if isinstance(body, str) else json.dumps(body, indent=2)
    fields = {"body": typed, "reason": "A slower cycle", "revision": "1", "step": step}
    return client.post(ACME, fields | more)


def slower(value: int = 2000) -> dict:
    return build.document() | {"core_cycle": {"period_ms": value}}


def revision(cast: build.Cast) -> int:
    with tenancy.scope([cast.acme.pk]):
        return Layer.objects.get(scope="organization").baseline.number


def test_a_layer_is_edited_previewed_and_published(published: build.Cast) -> None:
    client = signed_in(published.alice)
    shown = text(client.get(ACME))
    assert "&quot;period_ms&quot;: 1000" in shown
    preview = text(posted(client, slower()))
    assert "2 edges will get a new version" in preview
    assert "set /core_cycle/period_ms to 2000" in preview
    assert "Publish to 2 edges" in preview
    assert revision(published) == 1
    done = posted(
        client,
        slower(),
        "publish",
        preview_digest=hidden(preview, "preview_digest"),
        previewed=hidden(preview, "previewed"),
    )
    assert done.status_code == 302
    assert revision(published) == 2
    after = text(client.get(done["Location"]))
    assert "A slower cycle" in after
    assert "Published. 2 edges will get a new version" in after
    with tenancy.scope([published.acme.pk]):
        assert ChangeSet.objects.first().author == "alice"


def test_an_edit_after_the_preview_is_previewed_again(published: build.Cast) -> None:
    client = signed_in(published.alice)
    preview = text(posted(client, slower()))
    digests = {name: hidden(preview, name) for name in ("preview_digest", "previewed")}
    again = posted(client, slower(3000), "publish", **digests)
    assert (again.status_code, "set /core_cycle/period_ms to 3000" in text(again)) == (200, True)
    assert revision(published) == 1


def test_a_preview_that_no_longer_holds_is_said(published: build.Cast, alice: Caller) -> None:
    client = signed_in(published.alice)
    preview = text(posted(client, slower()))
    digests = {name: hidden(preview, name) for name in ("preview_digest", "previewed")}
    alice("PUT", "/organizations/acme/layers/organization/acme", slower(4000), If_Match='"1"')
    refused = posted(client, slower(), "publish", **digests)
    assert (refused.status_code, "revision 2" in text(refused)) == (422, True)
    assert "&quot;period_ms&quot;: 2000" in text(refused)
    assert revision(published) == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('{\n  "core_cycle": {\n    "period_ms": ,\n  }\n}', ["Line 3"]),
        ('{"core_cycle": {"period_ms": 1}}', ["Line 1", "/core_cycle/period_ms"]),
        ('{\n  "core_cycle": {},\n  "unheard_of": 1\n}', ["unheard_of"]),
        ("[]", ["JSON object"]),
        ('{"alarms": [],\n "alarms": []}', ["alarms"]),
    ],
)
def test_an_error_names_its_line_and_keeps_what_was_typed(
    published: build.Cast, typed: str, said: list[str]
) -> None:
    answer = posted(signed_in(published.alice), typed)
    shown = text(answer)
    assert (answer.status_code, "This cannot be published" in shown) == (422, True)
    for words in said:
        assert words in shown
    assert typed.rsplit("\n", maxsplit=1)[-1].replace('"', "&quot;") in shown
    assert revision(published) == 1


def test_a_rule_broken_on_every_edge_is_one_line_that_names_them(published: build.Cast) -> None:
    body = build.document()
    body["scheduler"]["controllers"][1]["parameters"]["recharge_threshold_watts"] = 90_000
    shown = text(posted(signed_in(published.alice), body))
    assert shown.count("[E09]") == 1
    assert "acme-north-1, acme-south-1" in shown
    assert re.search(r">Line \d+</button>", shown)


def test_nothing_changed_has_no_publish_button(published: build.Cast) -> None:
    shown = text(posted(signed_in(published.alice), build.document()))
    assert "No edge changes" in shown
    assert 'value="publish"' not in shown


def test_a_reason_is_asked_for(published: build.Cast) -> None:
    answer = posted(signed_in(published.alice), slower(), reason="")
    assert (answer.status_code, "reason" in text(answer)) == (422, True)


def test_a_viewer_reads_the_layer_and_cannot_post(published: build.Cast) -> None:
    client = signed_in(published.bob)
    shown = text(client.get(ACME))
    assert "Your role here reads" in shown
    assert 'value="preview"' not in shown
    posted(client, slower(), "publish")
    assert revision(published) == 1


@pytest.mark.parametrize("path", ["birch/organization/birch", "acme/edge/birch-main-1", "acme/site/nowhere"])
def test_layers_of_others_are_not_there(published: build.Cast, path: str) -> None:
    client = signed_in(published.alice)
    assert client.get(f"/admin/layers/{path}/").status_code == 404
    assert client.post(f"/admin/layers/{path}/", {"body": "{}"}).status_code == 404


def act(client: Client, cast: build.Cast, name: str, **fields: str):
    return client.post(reverse("admin:console_act", args=[cast.acme_north.pk, name]), fields)


def test_an_act_says_its_reach_before_it_happens(published: build.Cast) -> None:
    shown = text(
        signed_in(published.alice).get(
            reverse("admin:console_act", args=[published.acme_north.pk, "rollback"])
        )
    )
    assert "This touches 1 edge: acme-north-1 of Acme, site North." in shown
    assert "Why?" in shown


def test_a_rollback_holds_the_edge_and_release_is_offered(published: build.Cast, alice: Caller) -> None:
    alice("PUT", "/organizations/acme/layers/organization/acme", slower(), If_Match='"1"')
    client = signed_in(published.alice)
    unseen = act(client, published, "rollback", reason="It hums", to_version="1")
    assert (unseen.status_code, "period_ms</code>: 2,000 → 1,000" in text(unseen)) == (200, True)
    assert ('name="seen" value="1"' in text(unseen), 'value="It hums"' in text(unseen)) == (True, True)
    look = text(act(client, published, "rollback", reason="", to_version="1", step="look"))
    assert ("period_ms</code>: 2,000 → 1,000" in look, "required.<" in look) == (True, False)
    done = act(client, published, "rollback", reason="It hums", to_version="1", seen="1")
    assert done.status_code == 302
    with tenancy.scope([published.acme.pk]):
        assert Version.objects.filter(edge=published.acme_north).latest("number").content_of == 1
        assert Hold.objects.filter(edge=published.acme_north, released_at=None).exists()
    shown = text(client.get(reverse("admin:edges_edge_change", args=[published.acme_north.pk])))
    assert "Release" in shown
    assert "It hums" in shown
    asked = text(client.get(reverse("admin:console_act", args=[published.acme_north.pk, "release"])))
    assert "1 edge will get a new version. It changes in core_cycle." in " ".join(
        re.sub(r"<[^>]+>", "", asked).split()
    )
    assert act(client, published, "release", reason="Fixed").status_code == 302
    with tenancy.scope([published.acme.pk]):
        assert not Hold.objects.filter(edge=published.acme_north, released_at=None).exists()


def test_an_act_that_cannot_be_done_says_why(published: build.Cast) -> None:
    refused = act(signed_in(published.alice), published, "retry", reason="Again")
    assert (refused.status_code, "Not done" in text(refused)) == (422, True)


def test_hold_and_apply_are_done_once_confirmed(published: build.Cast) -> None:
    client = signed_in(published.alice)
    assert act(client, published, "hold", reason="Tests", review_on="2099-02-30").status_code == 200
    assert act(client, published, "hold", reason="Tests", review_on="2099-02-28").status_code == 302
    assert act(client, published, "apply", reason="Now").status_code == 302
    with tenancy.scope([published.acme.pk]):
        hold = Hold.objects.get(edge=published.acme_north)
        assert (hold.by, str(hold.review_at)) == ("alice", "2099-02-28 12:00:00+00:00")
        assert EdgeRequest.objects.get(edge=published.acme_north).payload["reason"] == "Now"


def test_an_enrollment_token_is_shown_once_and_not_kept(published: build.Cast) -> None:
    client = signed_in(published.alice)
    answer = act(client, published, "token", reason="New device")
    shown = text(answer)
    token = re.search(r"emsn_[0-9A-Za-z_]+", shown)
    assert token is not None
    assert "--root-sha256" in shown
    assert "no-store" in answer["Cache-Control"]
    with tenancy.scope([published.acme.pk]):
        assert EnrollmentToken.objects.filter(edge=published.acme_north).count() == 1
    later = text(client.get(reverse("admin:edges_edge_change", args=[published.acme_north.pk])))
    assert token[0] not in later


def test_the_only_key_is_revoked_with_a_second_yes(published: build.Cast) -> None:
    key, _ = build.make_key(published.acme_north)
    client = signed_in(published.alice)
    address = reverse("admin:console_revoke", args=[published.acme_north.pk, key.key_id])
    assert "stops working at once" in text(client.get(address))
    asked = client.post(address, {"reason": "Lost"})
    assert (asked.status_code, "Cut the edge off" in text(asked)) == (422, True)
    assert client.post(address, {"reason": "Lost", "cut_off": "true"}).status_code == 302
    with tenancy.scope([published.acme.pk]):
        ended = EdgeKey.objects.get(pk=key.pk)
    assert (ended.revoked_by, ended.revoked_reason) == ("alice", "Lost")


@pytest.mark.parametrize("name", ["rollback", "retry", "apply", "hold", "release", "token"])
def test_a_viewer_and_a_stranger_do_nothing(published: build.Cast, dora: Caller, name: str) -> None:
    stranger = build.make_user("eve")
    build.make_membership(stranger, published.birch, "owner")
    assert act(signed_in(published.bob), published, name, reason="x").status_code == 403
    assert act(signed_in(stranger), published, name, reason="x").status_code == 404


def test_the_effective_configuration_shows_origins(published: build.Cast, alice: Caller) -> None:
    body = {"core_cycle": {"period_ms": 5000}}
    alice("PUT", "/organizations/acme/layers/edge/acme-north-1", body, If_Match='"0"')
    shown = text(
        signed_in(published.bob).get(reverse("admin:console_effective", args=[published.acme_north.pk]))
    )
    assert "/core_cycle/period_ms" in shown
    assert "organization acme: 1000" in shown
    assert "Version 2" in shown


def test_an_edge_without_a_document_says_so(published: build.Cast) -> None:
    bare = build.make_edge(published.north, "acme-bare-1")
    client = signed_in(published.alice)
    assert "No valid document yet" in text(client.get(reverse("admin:edges_edge_change", args=[bare.pk])))
    assert client.get(reverse("admin:console_effective", args=[bare.pk])).status_code == 422


def test_a_layer_is_rolled_out_from_its_preview(published: build.Cast) -> None:
    client = signed_in(published.alice)
    with tenancy.scope([published.acme.pk]):
        Edge.objects.update(stage=Stage.COMMISSIONING)
    preview = text(posted(client, slower()))
    assert "Roll out (normal)" in preview
    digests = {name: hidden(preview, name) for name in ("preview_digest", "previewed")}
    nobody = posted(client, slower(), "roll_out", **digests)
    assert (nobody.status_code, "in service" in text(nobody)) == (422, True)
    with tenancy.scope([published.acme.pk]):
        assert not ChangeSet.objects.filter(state="draft").exists()
        Edge.objects.update(stage=Stage.IN_SERVICE)
    preview = text(posted(client, slower()))
    digests = {name: hidden(preview, name) for name in ("preview_digest", "previewed")}
    begun = posted(client, slower(), "roll_out", **digests)
    assert begun.status_code == 302
    shown = text(client.get(begun["Location"]))
    assert "A slower cycle" in shown
    assert "The rollout has begun" in shown
    assert revision(published) == 1
