"""The preview names the edges of each wave, as the rollout will store them when it is started."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from configs import adopting, signing
from configs.changes import Actor
from configs.rollouts.foreseeing import Wave, Waves
from configs.rollouts.models import Rollout, RolloutTarget
from configs.rollouts.policies import Share, Wish
from console.admin import waves
from edges import tenancy
from edges.models import Edge, EdgeStatus, Stage
from tests import build
from tests.console.test_desk import signed_in, text
from tests.console.test_drafts import PERIOD, digest_of, drafts, forecast, put

OWN = {"step": "show_waves", "reason": "Slower", "preset": "own", "share_1": "1", "share_2": "75 %"}


@pytest.fixture
def fleet(published: build.Cast) -> build.Cast:
    """Five edges of Acme; those in the south answer, one in the north is in commissioning."""
    for number in (2, 3, 4):
        edge = build.make_edge(published.north, f"acme-north-{number}")
        with tenancy.scope([published.acme.pk]):
            adopting.adopt(edge=edge, actor=Actor("more"), now=build.NOW, signer=signing.signer())
    with tenancy.scope([published.acme.pk]):
        Edge.objects.filter(edge_id="acme-north-4").update(stage=Stage.COMMISSIONING)
        EdgeStatus.objects.filter(edge=published.acme_south).update(last_heartbeat_at=datetime.now(UTC))
    return published


def told(shown: str) -> list[str]:
    """The lines of the waves, without marks."""
    found = re.search(r'<div id="waves".*?</div>', shown, re.DOTALL)
    lines = re.findall(r"<li>(.*?)</li>", found[0]) if found else []
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in lines]


def test_the_waves_of_the_usual_preset_are_told_unasked(fleet: build.Cast) -> None:
    client = signed_in(fleet.alice)
    page = put(client, fleet.acme_north, PERIOD, "set:organization", "2000")["Location"]
    shown = forecast(client, page)
    first, last = told(shown)
    assert first == "Wave 1, up to 5 %: 1 edge in 1 site acme-south-1"
    assert last.startswith("Wave 2, up to 100 %: 3 edges in 1 site , 3 silent now")
    assert "As the preset normal would let it out now" in shown
    assert "1 edge in commissioning: in no wave" in shown


def test_waves_of_ones_own_are_those_that_the_rollout_then_has(fleet: build.Cast) -> None:
    client = signed_in(fleet.alice)
    page = put(client, fleet.acme_north, PERIOD, "set:organization", "2000")["Location"]
    shown = text(client.post(page, OWN))
    assert ('value="Slower"' in shown, 'name="share_2" size="8" value="75 %"' in shown) == (True, True)
    assert "As your own waves would let it out now" in shown
    lines = told(shown)
    assert [line.split(":")[0] for line in lines] == [
        "Wave 1, 1 edge",
        "Wave 2, up to 75 %",
        "Wave 3, the rest",
    ]
    assert len(drafts(fleet)) == 1
    begun = client.post(page, OWN | {"step": "roll_out", "preview_digest": digest_of(shown)})
    assert begun.status_code == 302
    with tenancy.scope([fleet.acme.pk]):
        stored = RolloutTarget.objects.filter(rollout=Rollout.objects.get(), wave__gte=0)
        order = stored.order_by("wave", "place").values_list("wave", "edge__edge_id")
        expected = {wave: [name for other, name in order if other == wave] for wave, _ in order}
    assert [re.findall(r"acme-\w+-\d", line) for line in lines] == [expected[0], expected[1], expected[2]]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"share_1": "150 %"}, "Wave 1: percent is above 0 and at most 100."),
        ({"share_1": "", "share_2": ""}, "Name at least one wave"),
        ({"limit": "120 %"}, "bad_percent is a number from 0 to 100"),
    ],
)
def test_waves_that_make_no_sense_are_said_and_kept(
    fleet: build.Cast, typed: dict[str, str], said: str
) -> None:
    client = signed_in(fleet.alice)
    page = put(client, fleet.acme_north, PERIOD, "set:organization", "2000")["Location"]
    answer = client.post(page, OWN | typed)
    shown = text(answer)
    assert (answer.status_code, said in shown, told(shown)) == (422, True, [])
    assert 'value="Slower"' in shown
    assert client.post(page, OWN | typed | {"step": "roll_out"}).status_code == 422


def test_what_cannot_be_let_out_has_no_waves_and_a_viewer_is_asked_nothing(fleet: build.Cast) -> None:
    client = signed_in(fleet.alice)
    with tenancy.scope([fleet.acme.pk]):
        edge = Edge.objects.get(edge_id="acme-north-4")
    page = put(client, edge, PERIOD, "set:edge", "2000")["Location"]
    assert told(forecast(client, page)) == []
    assert signed_in(fleet.bob).post(page, OWN).status_code == 403
    assert page == reverse("admin:console_draft", args=[drafts(fleet)[0].pk])


def test_twenty_names_of_a_wave_are_told() -> None:
    names = tuple(f"e{number}" for number in range(23))
    found = Waves([Wave("the rest", names, 4, 0)], 0)
    (line,) = waves.told(found, Wish(shares=[Share(percent=100)]))["planned"]
    assert (line["reach"], line["silent"]) == ("23 edges in 4 sites", "")
    assert line["names"].endswith("e19 and 3 more")
