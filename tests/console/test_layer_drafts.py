"""A layer typed as JSON goes into the person's draft: as narrow steps, on top of what others did."""

import json
from typing import Any

from django.test import Client
from django.urls import reverse

from configs.models import ChangeSet, State
from edges import tenancy
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text
from tests.console.test_desk_changes import ACME, posted, revision, slower
from tests.console.test_drafts import PEAK, PERIOD, drafts, forecast, put, steps_of

ACME_LAYER = "/organizations/acme/layers/organization/acme"


def typed(client: Client, body: object, **more: str) -> Any:
    return posted(client, body, "draft", **{"reason": "", **more})


def layer(value: int, watts: int = 50_000) -> dict[str, Any]:
    body = slower(value)
    body["scheduler"]["controllers"][1]["parameters"]["threshold_watts"] = watts
    return body


def test_what_differs_becomes_narrow_steps_of_the_one_draft(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    put(client, edge, PERIOD, "set:organization", "1500")
    put(client, edge, PEAK, "set:edge", "30000")
    body = layer(2000, 42_000)
    del body["modbus_devices"][1]
    body["scheduler"]["controllers"] = body["scheduler"]["controllers"][:2]
    body["alarms"] = None
    done = typed(client, body, reason="A slower cycle")
    (draft,) = drafts(published)
    assert done["Location"] == reverse("admin:console_draft", args=[draft.pk])
    assert steps_of(draft) == [
        ("edge", "set", PEAK, "30000"),
        ("organization", "set", PERIOD, "2000"),
        ("organization", "set", PEAK, "42000"),
        ("organization", "unset", "/scheduler/controllers/ctrlBalancing0", None),
        ("organization", "unset", "/modbus_devices/meter0", None),
        ("organization", "remove", "/alarms", None),
    ]
    assert (draft.reason, draft.base) == ("A slower cycle", {"organization/acme": 1, "edge/acme-north-1": 0})
    shown = text(client.get(done["Location"]))
    assert "1 older step gave way" in shown
    assert f"set {PERIOD} to 2000" in shown
    assert revision(published) == 1
    typed(client, layer(2000), reason="And quieter")
    assert drafts(published)[0].reason == "A slower cycle; And quieter"


def test_what_is_no_layer_stays_in_the_box_with_its_line(published: build.Cast) -> None:
    client = signed_in(published.alice)
    bad = json.dumps(layer(1), indent=2)
    answer = typed(client, bad)
    shown = text(answer)
    assert (answer.status_code, "This cannot be put into your draft: 1 error" in shown) == (422, True)
    assert 'data-line="3">Line 3</button>' in shown
    assert "&quot;period_ms&quot;: 1" in shown
    assert "Line 2" in text(typed(client, '{\n "alarms": ]}'))
    nothing = typed(client, build.document())
    assert (nothing.status_code, "Nothing is different" in text(nothing)) == (422, True)
    assert drafts(published) == []


def test_half_of_a_change_is_drafted_that_could_not_be_published(published: build.Cast) -> None:
    client = signed_in(published.alice)
    body = build.document()
    body["scheduler"]["controllers"][1]["parameters"]["recharge_threshold_watts"] = 90_000
    assert posted(client, body).status_code == 422
    shown = forecast(client, typed(client, body)["Location"])
    assert ("It cannot be published yet" in shown, "[E09]" in shown) == (True, True)


def test_a_layer_that_moved_meanwhile_loses_nothing_of_either(published: build.Cast, alice: Caller) -> None:
    client = signed_in(published.alice)
    assert alice("PUT", ACME_LAYER, layer(4000), If_Match='"1"').status_code == 200
    refused = text(posted(client, layer(1000, 42_000)))
    assert "is at revision 2, not at 1. Nothing that you typed is lost" in refused
    assert 'name="revision" value="1"' in refused
    assert 'name="revision" value="1"' in text(posted(client, layer(1000, 42_000), reason=""))
    typed(client, layer(1000, 42_000))
    shown = text(client.get(drafted(published)))
    assert "is at revision 2 by now; you began at 1" in shown
    assert "Others changed the same" not in forecast(client, drafted(published))
    (draft,) = drafts(published)
    assert steps_of(draft) == [("organization", "set", PEAK, "42000")]
    typed(client, layer(3000, 42_000))
    shown = forecast(client, drafted(published))
    assert f'by alice: organization acme <code class="ems-code">{PERIOD}</code>' in shown
    assert (drafts(published)[0].base, f"{PERIOD}</code> 4,000 → 3,000" in shown) == (
        {"organization/acme": 1},
        True,
    )
    never = typed(client, layer(3000), revision="7")
    assert (never.status_code, "not at 7" in text(never)) == (422, True)


def test_what_was_typed_is_kept_on_top_of_what_others_published(published: build.Cast, alice: Caller) -> None:
    client = signed_in(published.alice)
    answer = alice("PUT", f"{ACME_LAYER}?reason=quieter", layer(4000), If_Match='"1"')
    assert answer.status_code == 200
    stale = posted(client, layer(1000, 42_000))
    shown = text(stale)
    assert (stale.status_code, "by alice, <time" in shown) == (422, True)
    assert f"{PERIOD}</code>: 1,000 → 4,000" in shown
    kept = text(posted(client, layer(1000, 42_000), "keep"))
    assert 'name="revision" value="2"' in kept
    assert f"set {PEAK} to 42000" in kept
    assert f"set {PERIOD}" not in kept
    assert "&quot;period_ms&quot;: 4000" in kept
    mine = text(posted(client, layer(3000, 42_000), "keep"))
    assert f"set {PERIOD} to 3000" in mine


def drafted(cast: build.Cast) -> str:
    return reverse("admin:console_draft", args=[drafts(cast)[0].pk])


def test_a_viewer_puts_nothing_into_a_draft(published: build.Cast) -> None:
    typed(signed_in(published.bob), layer(2000))
    assert 'value="draft"' not in text(signed_in(published.bob).get(ACME))
    with tenancy.scope([published.acme.pk]):
        assert not ChangeSet.objects.filter(state=State.DRAFT).exists()
