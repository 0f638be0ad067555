"""Rollouts on the desk: what each page says, which acts fit, and who may do them."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from configs import signing
from configs.rollouts import running
from configs.rollouts.models import Rollout, RolloutTarget
from configs.rollouts.states import Phase, TargetState
from edges import tenancy
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

ALL = {"pause", "continue", "retry_failed", "skip_failed", "restart_wave", "rollback", "rollback_all"}
ALL |= {"advance", "cancel"}


def put(rollout: Rollout, phase: Phase, said: str, state: TargetState) -> None:
    """As if the first edge had answered so."""
    with tenancy.scope([rollout.organization_id]):
        Rollout.objects.filter(pk=rollout.pk).update(phase=phase, said=said)
        RolloutTarget.objects.filter(rollout=rollout, wave=0).update(state=state, why="watchdog")


def shown(rollout: Rollout, user: Any) -> str:
    answer = signed_in(user).get(f"/admin/rollouts/{rollout.pk}/")
    assert answer.status_code == 200
    return text(answer)


def acts(page: str) -> list[str]:
    return re.findall(r'/act/(\w+)/"', page)


def do(rollout: Rollout, user: Any, name: str, reason: str = "Because") -> Any:
    return signed_in(user).post(f"/admin/rollouts/{rollout.pk}/act/{name}/", {"reason": reason})


def words_of(page: str) -> str:
    return re.sub(r"<[^>]+>", "", page)


def phase(rollout: Rollout) -> str:
    with tenancy.scope([rollout.organization_id]):
        return Rollout.objects.get(pk=rollout.pk).phase


def test_a_rollout_stands_in_the_list_and_on_the_fleet_page(published: build.Cast, rollout: Rollout) -> None:
    client = signed_in(published.bob)
    for address in ("/admin/rollouts/", "/admin/rollouts/?phase=running", "/admin/fleet/"):
        page = text(client.get(address))
        assert f"/admin/rollouts/{rollout.pk}/" in page
        assert "1 of 2" in page
    assert str(rollout.pk) not in text(client.get("/admin/rollouts/?phase=halted"))


def test_it_says_its_arithmetic_its_waves_and_its_failures(published: build.Cast, rollout: Rollout) -> None:
    put(rollout, Phase.HALTED, "wave 1: 1 of 1 failed, limit 5 %: halted", TargetState.ROLLED_BACK)
    page = shown(rollout, published.alice)
    assert "wave 1: 1 of 1 failed, limit 5 %: halted" in page
    assert "watchdog" in page
    assert "A slower cycle" in page
    assert acts(page) == ["rollback_all", "rollback", "retry_failed", "skip_failed", "restart_wave"]
    put(rollout, Phase.ROLLING_BACK, "rolling back", TargetState.RECALLING)
    assert "Edges still on the bad version: 1, 1 offline" in words_of(shown(rollout, published.alice))


def test_it_is_paused_resumed_and_cancelled_each_with_a_reason(
    published: build.Cast, rollout: Rollout
) -> None:
    assert {"pause", "cancel"} <= set(acts(shown(rollout, published.alice)))
    assert do(rollout, published.alice, "pause", reason="").status_code == 200
    assert phase(rollout) == "running"
    assert do(rollout, published.alice, "pause", reason="Lunch").status_code == 302
    assert phase(rollout) == "paused"
    assert "paused by alice: Lunch" in shown(rollout, published.bob)
    assert do(rollout, published.alice, "continue").status_code == 302
    assert phase(rollout) == "running"
    assert do(rollout, published.alice, "cancel").status_code == 302
    assert phase(rollout) == "cancelled"
    assert acts(shown(rollout, published.alice)) == []


def test_all_is_rolled_back_with_its_reach_said_first(published: build.Cast, rollout: Rollout) -> None:
    running.run(
        organization_id=published.acme.pk, rollout_id=rollout.pk, now=build.NOW, signer=signing.signer()
    )
    asked = text(signed_in(published.alice).get(f"/admin/rollouts/{rollout.pk}/act/rollback_all/"))
    assert "the newest wave first" in asked
    refused = do(rollout, published.alice, "advance")
    assert do(rollout, published.alice, "rollback_all").status_code == 302
    assert phase(rollout) in ("rolling_back", "rolled_back")
    assert refused.status_code in (302, 422)


def test_what_does_not_fit_is_a_sentence(published: build.Cast, rollout: Rollout) -> None:
    refused = do(rollout, published.alice, "continue")
    assert (refused.status_code, "The rollout is running" in text(refused)) == (422, True)
    assert do(rollout, published.alice, "unheard_of").status_code == 404


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_viewer_and_a_stranger_do_nothing(published: build.Cast, rollout: Rollout, name: str) -> None:
    assert acts(shown(rollout, published.bob)) == []
    dora = get_user_model().objects.get(username="dora")
    assert do(rollout, published.bob, name).status_code == 403
    assert do(rollout, dora, name).status_code == 404
    assert phase(rollout) == "running"


def test_a_role_in_one_site_does_not_see_the_rollout_of_all(
    published: build.Cast, rollout: Rollout, nora: Caller
) -> None:
    client = signed_in(get_user_model().objects.get(username="nora"))
    assert str(rollout.pk) not in text(client.get("/admin/rollouts/"))
    assert client.get(f"/admin/rollouts/{rollout.pk}/").status_code == 404


def test_a_forged_post_is_refused(published: build.Cast, rollout: Rollout) -> None:
    client = signed_in(published.alice)
    client.handler.enforce_csrf_checks = True
    assert client.post(f"/admin/rollouts/{rollout.pk}/act/pause/", {"reason": "x"}).status_code == 403
    assert phase(rollout) == "running"


def test_every_number_leads_to_its_edges(published: build.Cast, rollout: Rollout) -> None:
    """As many as it says: bad by its own word or by an alarm, recalled and silent, gone."""
    client = signed_in(published.bob)
    for state, values in (
        (TargetState.ROLLED_BACK, {"why": "watchdog"}),
        (TargetState.CONFIRMED, {"why": "", "is_alarmed": True}),
        (TargetState.RECALLING, {"is_alarmed": False}),
        (TargetState.SKIPPED, {"why": "held"}),
        (TargetState.GONE, {"why": "retired"}),
    ):
        put(rollout, Phase.ROLLING_BACK, "rolling back", state)
        with tenancy.scope([rollout.organization_id]):
            RolloutTarget.objects.filter(rollout=rollout, wave=0).update(**values)
        page = shown(rollout, published.bob)
        links = re.findall(rf'href="(/admin/rollouts/{rollout.pk}/targets/\?[^"]*)">(.*?)</a>', page)
        assert len(links) >= 4, state  # of the wave, of the state, of the other wave, all
        for address, text_of in links:
            number = re.search(r"[0-9]+", text_of)
            listed = text(client.get(address.replace("&amp;", "&")))
            if number is not None:
                assert len(edges_of(listed)) == int(number[0]), (state, address)


def edges_of(page: str) -> list[str]:
    return re.findall(r'href="/admin/edges/edge/[^"]+">([^<]+)</a>', page)


def test_the_list_says_state_reason_and_who_cannot_be_heard(published: build.Cast, rollout: Rollout) -> None:
    put(rollout, Phase.HALTED, "halted", TargetState.ROLLED_BACK)
    client = signed_in(published.bob)
    listed = text(client.get(f"/admin/rollouts/{rollout.pk}/targets/?wave=1&state=rolled_back"))
    (first,) = edges_of(listed)
    assert all(word in listed for word in ("rolled back", "watchdog", "never", "1 offline"))
    assert edges_of(text(client.get(f"/admin/rollouts/{rollout.pk}/targets/?link=offline&kind=bad"))) == [
        first
    ]
    for nothing in ("wave=x", "kind=good", "state=unheard", "link=blue", "wave=9", "why=watchdogs"):
        empty = client.get(f"/admin/rollouts/{rollout.pk}/targets/?{nothing}")
        assert (empty.status_code, edges_of(text(empty))) == (200, []), nothing
