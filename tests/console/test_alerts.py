"""Alerts, their recipients and the service levels by the API: what each says, who may see and do what."""

from datetime import timedelta
from typing import Any

import pytest

from edges import tenancy
from edges.models import Edge
from monitoring import sampling
from tests import build
from tests.console.conftest import Caller


def listed(caller: Caller, query: str = "") -> list[tuple[str, int]]:
    answer = caller("GET", f"/organizations/acme/alerts{query}")
    assert answer.status_code == 200, answer.content
    return sorted((one["kind"], one["reach"]) for one in answer.json()["items"])


def test_who_sees_a_site_sees_its_alerts_and_counts_its_edges(
    alerts: dict[str, str], alice: Caller, nora: Caller
) -> None:
    assert listed(alice) == [("clock", 2), ("safe_mode", 1)]
    assert listed(nora) == [("clock", 1)]
    assert listed(alice, "?state=resolved") == []
    edges = nora("GET", f"/alerts/{alerts['clock']}/edges").json()["items"]
    assert [one["edge_id"] for one in edges] == ["acme-north-1"]
    assert nora("GET", f"/alerts/{alerts['safe_mode']}").status_code == 404
    assert nora("POST", f"/alerts/{alerts['safe_mode']}/acknowledge", {}).status_code == 404
    assert nora("POST", f"/alerts/{alerts['clock']}/acknowledge", {}).status_code == 403


def test_it_is_taken_muted_and_heard_again(alerts: dict[str, str], alice: Caller) -> None:
    one = f"/alerts/{alerts['clock']}"
    assert alice("POST", f"{one}/acknowledge", {}).json()["owner"] == "alice"
    until = (build.NOW + timedelta(hours=2)).isoformat()
    muted = alice("POST", f"{one}/mute", {"until": until, "reason": "works"}).json()
    assert (muted["mute_reason"], muted["muted_until"] is not None) == ("works", True)
    told = alice("POST", f"{one}/unmute", {"reason": "done"}).json()
    assert told["muted_until"] is None
    assert [entry["what"] for entry in told["history"]] == ["unmuted", "muted", "acknowledged", "opened"]
    assert alice("POST", f"{one}/mute", {"until": until}).status_code == 422


def test_a_webhooks_secret_is_answered_once(cast: build.Cast, alice: Caller) -> None:
    recipients = "/organizations/acme/recipients"
    made = alice("POST", recipients, {"kind": "webhook", "address": "https://example.com/x"}).json()
    assert len(made["secret"]) == 64
    (listed_one,) = alice("GET", recipients).json()["items"]
    assert "secret" not in listed_one
    sent = alice("POST", f"/recipients/{made['id']}/test", {})
    assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
    assert alice("POST", f"/deliveries/{sent.json()['id']}/redeliver", {}).status_code == 409
    assert alice("DELETE", f"/recipients/{made['id']}").status_code == 200
    assert alice("GET", recipients).json()["items"] == []
    wrong = alice("POST", recipients, {"kind": "email", "address": "nobody"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_address")


def test_service_levels_are_kept_and_read_by_steps(published: build.Cast, alice: Caller) -> None:
    with tenancy.scope([published.acme.pk]):
        Edge.objects.update(stage="in_service")
    begin = build.NOW.replace(hour=0, minute=0, second=0)
    for minutes in (1, 4, 6, 11):
        sampling.sample(organization_id=published.acme.pk, now=begin + timedelta(minutes=minutes))
    query = f"from={begin:%Y-%m-%dT%H:%M:%SZ}&to={begin + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    told = alice("GET", f"/organizations/acme/service-levels?{query}").json()
    freshness = next(one for one in told["levels"] if one["name"] == "Configuration freshness")
    assert [(point["value"], point["counted"]) for point in freshness["points"]] == [(0.0, 2)] * 3
    longer: Any = alice("GET", f"/organizations/acme/service-levels?{query}&step=3600").json()
    assert [len(one["points"]) for one in longer["levels"]] == [1] * 6


@pytest.mark.parametrize(
    "query",
    ["step=1", "step=x", "from=yesterday", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
     "from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_span_that_makes_no_sense_is_refused(cast: build.Cast, alice: Caller, query: str) -> None:
    answer = alice("GET", f"/organizations/acme/service-levels?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")
