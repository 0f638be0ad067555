"""A wave whose selector means nobody is refused, at the start and in the dry run: it would be no canary."""

from typing import Any

import pytest

from configs.refusals import ChangeRefused
from configs.rollouts import starting
from configs.rollouts.models import Rollout
from configs.rollouts.policies import Share, Wish
from edges import tenancy
from tests.configs.rollouts.conftest import THRESHOLD, Fleet

NORTH = ("site/site-0", "set", THRESHOLD, 30_000)  # three edges
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown site": ({"sites": ["sit-0"]}, "/waves/1/selector", "wave 2: there is no site 'sit-0' here"),
    "an unknown edge": (
        {"sites": ["site-0"], "edges": ["acme-site-0-9"]},
        "/waves/1/selector",
        "wave 2: there is no edge 'acme-site-0-9' here",
    ),
    "nobody that the change is for": (
        {"sites": ["site-1"]},
        "/waves/1/selector",
        "wave 2: it selects none of the edges that the change is for (3)",
    ),
    "an unknown tag": (
        {"tags": ["canery"]},
        "/waves/1/selector",
        "wave 2: it selects none of the edges that the change is for (3)",
    ),
    "nothing": ({}, "/waves/1", "an empty selector selects nothing: name edges, or say all"),
    "a member that is none": ({"site": ["site-0"]}, "/waves/1", "a selector has no member 'site'"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_selector_that_means_nobody_is_refused(fleet: Fleet, mistake: Any) -> None:
    selector, path, detail = mistake
    asked = {
        "organization_id": fleet.organization.pk,
        "change_set_id": fleet.draft(NORTH),
        "wish": Wish(shares=[Share(count=1), Share(selector=selector)]),
        "now": fleet.now,
    }
    for ask in (lambda: starting.preview(**asked), lambda: starting.start(**asked, actor=fleet.desk.actor)):
        with pytest.raises(ChangeRefused) as caught:
            ask()
        assert [(one.path, one.detail) for one in caught.value.errors] == [(path, detail)]
    with tenancy.scope([fleet.organization.pk]):
        assert not Rollout.objects.exists()


def test_a_wave_whose_edges_an_earlier_one_took_is_left_out(fleet: Fleet) -> None:
    """Nobody is mistaken there: who is meant comes first."""
    north = Share(selector={"sites": ["site-0"]})
    rollout = fleet.start(NORTH, shares=[north, Share(selector={"all": True})]).work()
    assert len(rollout.wave(0)) == 3
    assert len(rollout.wave_phases()) == 2
