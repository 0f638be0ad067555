"""Whatever stands in an address or a form of the desk: a page or a redirect, never a server error."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from tests import build
from tests.console.test_desk import CHANGELISTS, signed_in

QUERIES = [
    "?q=%00",
    "?p=x",
    "?p=999999",
    "?o=x.-9.99",
    "?all=1&status=bogus",
    "?organization__id__exact=x",
    "?organization__name__startswith=B",
    "?edge__organization__name=Birch",
    "?stage__exact=%00",
    "?_to_field=organization&_popup=1",
    "?pk__in=1,x",
    "?e=1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_list_bears_every_query(published: build.Cast, query: str) -> None:
    client = signed_in(published.alice)
    for name in CHANGELISTS:
        answer = client.get(reverse(f"admin:{name}_changelist") + query)
        assert answer.status_code in (200, 302, 400), f"{name}{query}"
        assert b"birch" not in answer.content.lower().replace(query.lower().encode(), b"")


@pytest.mark.parametrize("object_id", ["x", "%00", "1'--", "_5F", "11111111111111111111111111", "a" * 300])
def test_a_row_bears_every_id(published: build.Cast, object_id: str) -> None:
    client = signed_in(published.alice)
    for name in CHANGELISTS:
        base = reverse(f"admin:{name}_changelist")
        for view in ("change", "history", "delete", "history/x"):
            for method in (client.get, client.post):
                answer = method(f"{base}{object_id}/{view}/")
                assert answer.status_code in (302, 400, 403, 404), f"{base}{object_id}/{view}/"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"body": "\x00", "reason": "\x00", "revision": "x"},
        {"body": "{}", "reason": "x", "revision": "-1"},
        {"body": "{}", "reason": "x", "revision": "99999999999999999999999999"},
        {"body": "[" * 5000, "reason": "x", "revision": "1"},
        {"body": '{"a":' * 40 + "1" + "}" * 40, "reason": "x", "revision": "1"},
        {"body": "\ud800", "reason": "x", "revision": "1"},
        {"body": "{}", "reason": "x" * 501, "revision": "1"},
        {"body": "{}", "reason": "x", "revision": "1", "step": "publish", "preview_digest": "x" * 64},
        {"body": '{"a": 1e999}', "reason": "x", "revision": "1"},
        {"body": '{"alarms": null}', "reason": "x", "revision": "1"},
        {"body": '{"core_cycle": {"period_ms": 5}}', "reason": "x", "revision": "7"},
    ],
)
def test_the_box_bears_every_form(published: build.Cast, fields: dict[str, str]) -> None:
    encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}
    answer = signed_in(published.alice).post(
        "/admin/layers/acme/organization/acme/",
        urlencode(encoded),
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize(
    "fields", [{}, {"reason": "\x00"}, {"reason": "x", "to_version": "x"}, {"reason": " "}]
)
def test_an_act_bears_every_form(published: build.Cast, fields: dict[str, str]) -> None:
    client = signed_in(published.alice)
    for name in ("rollback", "retry", "hold", "release", "apply", "token"):
        answer = client.post(reverse("admin:console_act", args=[published.acme_north.pk, name]), fields)
        assert answer.status_code in (200, 302, 422)
    assert client.get(f"/admin/edges/edge/{published.acme_north.pk}/act/explode/").status_code == 404
