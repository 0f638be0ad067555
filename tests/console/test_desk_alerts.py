"""Alerts and service levels on the desk: what the pages say, what is quiet, who may act."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from configs import jobs
from edges import tenancy
from edges.models import EdgeStatus
from edges.notices import COUNTER
from monitoring import sampling
from monitoring.models import Recipient
from sync_api.pool import listen_conninfo
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

ALERTS = "/admin/alerts/"


def test_quiet_says_of_how_many_and_since_when(cast: build.Cast) -> None:
    client = signed_in(cast.bob)
    assert "Quiet. 0 of 2 online; no edge has been heard of yet" in text(client.get(ALERTS))
    with tenancy.scope([cast.acme.pk]):
        heard = datetime.now(UTC) - timedelta(minutes=2)
        EdgeStatus.objects.filter(pk=cast.acme_north.pk).update(last_heartbeat_at=heard)
    assert "Quiet. 1 of 2 online, last heartbeat 2 min ago" in text(client.get(ALERTS))


WATCHED = ("/admin/", "/admin/fleet/", ALERTS)


def test_trouble_of_the_cloud_itself_stands_above_all(cast: build.Cast) -> None:
    client = signed_in(cast.bob)
    for address in WATCHED:
        page = text(client.get(address))
        above, _, below = page.partition("The cloud itself is in trouble")
        assert "No worker is running: nothing is watched" in below
        assert "ems-panel" not in above.partition('class="ems-stack"')[2].rpartition("<section")[0]
    assert "The cloud itself" not in text(client.get("/admin/service-levels/"))


def test_nothing_is_said_of_the_cloud_while_it_is_well(cast: build.Cast) -> None:
    with psycopg.connect(listen_conninfo(), autocommit=True) as worker:
        worker.execute(f"LISTEN {jobs.CHANNEL}")
        with psycopg.connect(listen_conninfo(), autocommit=True) as server:
            server.execute(COUNTER)
            client = signed_in(cast.bob)
            assert not [one for one in WATCHED if "The cloud itself" in text(client.get(one))]


def test_a_person_of_a_site_sees_its_alerts_alone(
    alerts: dict[str, str],
    cast: build.Cast,
    nora: Caller,
) -> None:
    everything = text(signed_in(cast.alice).get(ALERTS))
    assert "2 edges" in everything
    assert "Edges in safe mode" in everything
    client = signed_in(get_user_model().objects.get(username="nora"))
    own = text(client.get(ALERTS))
    assert "1 edge<" in own
    assert "Edges in safe mode" not in own
    one = text(client.get(f"{ALERTS}{alerts['clock']}/"))
    assert "acme-north-1" in one
    assert "acme-south-1" not in one
    assert "/act/" not in one
    assert client.get(f"{ALERTS}{alerts['safe_mode']}/").status_code == 404


def test_it_is_acknowledged_muted_and_unmuted(alerts: dict[str, str], cast: build.Cast) -> None:
    client, one = signed_in(cast.alice), f"{ALERTS}{alerts['clock']}/"
    assert client.post(f"{one}act/acknowledge/", {"reason": ""}).status_code == 302
    assert client.post(f"{one}act/mute/", {"hours": "4", "reason": ""}).status_code == 422
    assert client.post(f"{one}act/mute/", {"hours": "4", "reason": "works"}).status_code == 302
    page = text(client.get(one))
    assert "Owner: alice" in page
    assert "works" in page
    assert "/act/unmute/" in page
    assert "/act/mute/" not in page
    assert client.post(f"{one}act/unmute/", {}).status_code == 302
    again = client.post(f"{one}act/unmute/", {})
    assert (again.status_code, "not muted" in text(again)) == (422, True)
    assert client.get(f"{one}act/other/").status_code == 404


def test_service_levels_are_charts_with_a_table_of_their_values(published: build.Cast) -> None:
    client = signed_in(published.bob)
    assert "Nothing measured in this time" in text(client.get("/admin/service-levels/"))
    sampling.sample(organization_id=published.acme.pk, now=datetime.now(UTC))
    for span in ("24h", "7d", "30d"):
        page = text(client.get(f"/admin/service-levels/?span={span}"))
        assert "Configuration freshness" in page
        assert 'data-type="line"' in page
        assert "As a table" in page
        assert "target: at least 99.9 %" in page


@pytest.mark.parametrize("address", [ALERTS, "/admin/service-levels/"])
def test_pages_take_few_queries(alerts: dict[str, str], cast: build.Cast, address: str) -> None:
    client = signed_in(cast.alice)
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    assert len(captured) <= 20


def test_recipients_are_added_tested_and_removed(cast: build.Cast) -> None:
    client, page = signed_in(cast.alice), "/admin/recipients/"
    assert signed_in(cast.bob).get(page).status_code == 403
    assert "Nobody yet" in text(client.get(page))
    wrong = client.post(page, {"do": "add", "kind": "email", "address": "nobody"})
    assert (wrong.status_code, 'value="nobody"' in text(wrong)) == (422, True)
    added = text(client.post(page, {"do": "add", "kind": "webhook", "address": "https://example.com/h"}))
    assert "ems-secret" in added
    again = text(client.get(page))
    assert "ems-secret" not in again
    assert "https://example.com/h" in again
    with tenancy.scope([cast.acme.pk]):
        (made,) = Recipient.objects.all()
    assert "test" in text(client.post(page, {"do": "test", "id": str(made.pk)}))
    assert "https://example.com/h</td><td>waiting" in text(client.get(page))
    client.post(page, {"do": "remove", "id": str(made.pk)})
    assert "Nobody yet" in text(client.get(page))
    assert client.post(page, {"do": "test", "id": "x"}).status_code == 422
