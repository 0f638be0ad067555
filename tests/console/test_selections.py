"""On the desk: one value for the edges of a filter, for ticked ones, and for those of one value."""

import re

from django.urls import reverse

from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text
from tests.console.test_drafts import PERIOD, drafts, forecast, steps_of

NEW = "/admin/changes/new/"


def test_the_edges_of_a_filter_get_one_value(published: build.Cast) -> None:
    client = signed_in(published.alice)
    fleet = text(client.get(reverse("admin:console_fleet"), {"site": "acme/north"}))
    address = re.search(r'href="(/admin/changes/new/[^"]*)"', fleet)
    assert address
    first = text(client.get(address[1].replace("&amp;", "&")))
    assert "1 edge in 1 site of Acme" in first
    assert published.acme_south.edge_id not in first
    asked = {"edges": published.acme_north.edge_id, "path": PERIOD}
    control = text(client.post(NEW, asked | {"step": "path"}))
    assert re.search(r'type="number"[^>]*value="1000"[^>]*min="100"', control)
    put = asked | {"step": "put", "act": "set", "kind": "number", "value": "2500"}
    done = client.post(NEW, put)
    (draft,) = drafts(published)
    assert done["Location"] == reverse("admin:console_draft", args=[draft.pk])
    assert steps_of(draft) == [("edge", "set", PERIOD, "2500")]
    wrong = client.post(NEW, put | {"value": "1"})
    assert (wrong.status_code, "from 100 to 60,000 ms" in text(wrong)) == (422, True)


def test_ticked_edges_and_every_edge(published: build.Cast) -> None:
    client = signed_in(published.alice)
    names = [published.acme_north.edge_id, published.acme_south.edge_id]
    assert f'name="edge" value="{names[0]}"' in text(client.get(reverse("admin:console_fleet")))
    shown = text(client.get(NEW, {"edge": names}))
    assert "2 edges in 2 sites" in shown
    assert "This matches every edge." in shown
    assert "No edge is chosen" in text(client.get(NEW))
    assert "This matches nothing" in text(client.get(NEW, {"text": "no such edge"}))
    foreign = client.post(NEW, {"edges": published.birch_edge.edge_id, "path": PERIOD, "step": "put"})
    assert (foreign.status_code, "Not among the edges" in text(foreign)) == (422, True)
    viewer = signed_in(published.bob).post(NEW, {"edges": names[0], "path": PERIOD, "step": "put"})
    assert (viewer.status_code, drafts(published)) == (422, [])


def test_those_with_one_value_are_changed_from_the_values(published: build.Cast, alice: Caller) -> None:
    client = signed_in(published.alice)
    alice(
        "PUT",
        f"/organizations/acme/layers/edge/{published.acme_north.edge_id}",
        {"core_cycle": {"period_ms": 1500}},
        If_Match='"0"',
    )
    values = text(client.get(reverse("admin:console_values"), {"organization": "acme", "path": PERIOD}))
    addresses = re.findall(r'href="(/admin/changes/new/[^"]*)"', values)
    shown = [text(client.get(one.replace("&amp;", "&"))) for one in addresses]
    assert len(shown) == 2
    assert sorted(re.findall(r'name="value" value="(\d+)"', " ".join(shown))) == ["1000", "1500"]
    put = {"edges": published.acme_north.edge_id, "path": PERIOD, "step": "put", "act": "unset"}
    done = client.post(NEW, put)
    preview = forecast(client, done["Location"])
    assert "1,500 → 1,000 on <strong>1 edge in 1 site</strong>" in preview
