"""Whatever goes wrong, wherever: one shape, and nothing that is not the client's business."""

import json
import logging
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from doors import metrics, problems, refusals, request_ids
from doors.problems import Refused

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "errors"}


def broken(_: object) -> HttpResponse:
    raise RuntimeError("a secret detail")


def page(_: object) -> HttpResponse:
    return HttpResponse("<h1>no</h1>", status=410)


urlpatterns = [
    path("api/broken", broken),
    path("api/page", page),
    path("admin/page", page),
    path("metrics", metrics.metrics),
]
handler404 = "doors.problems.not_found"
handler500 = "doors.problems.server_error"


@pytest.fixture
def client() -> Any:
    with override_settings(ROOT_URLCONF="tests.doors.test_problems"):
        yield Client(raise_request_exception=False)


def test_a_bug_is_a_500_without_its_details_and_logged_whole(client: Client, caplog: Any) -> None:
    answer = client.get("/api/broken", headers={"X-Request-ID": "abc"})
    assert answer.status_code == 500
    assert answer["Content-Type"] == problems.CONTENT_TYPE
    body = json.loads(answer.content)
    assert set(body) == MEMBERS
    assert (body["code"], body["instance"]) == ("internal_error", "abc")
    assert b"secret" not in answer.content
    assert any(record.exc_info and "a secret detail" in str(record.exc_info[1]) for record in caplog.records)


def test_a_page_that_is_no_problem_becomes_one_where_machines_ask(client: Client) -> None:
    answer = client.get("/api/page", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"]) == (410, problems.CONTENT_TYPE)
    assert client.get("/admin/page", headers={"Accept": "text/html"}).content == b"<h1>no</h1>"
    assert client.get("/admin/page")["Content-Type"] == problems.CONTENT_TYPE


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("abc-123", True),
        ("A" * 64, True),
        ("A" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("é", False),
        ("", False),
        ("<script>", False),
        ("abc\n", False),
    ],
)
def test_a_request_id_is_echoed_when_it_is_harmless(client: Client, offered: str, kept: bool) -> None:
    given = client.get("/api/page", headers={"X-Request-ID": offered})["X-Request-ID"]
    assert (given == offered) is kept
    assert request_ids.ACCEPTED.match(given)


def test_log_lines_carry_the_request_id(client: Client, caplog: Any) -> None:
    caplog.handler.addFilter(request_ids.RequestIdFilter())
    with caplog.at_level(logging.WARNING):
        client.get("/api/page", headers={"X-Request-ID": "abc"})
    assert {record.request_id for record in caplog.records} == {"abc"}


def test_refusals_keep_what_they_carry() -> None:
    refused = Refused(409, "preview_changed", "look", headers={"ETag": '"1"'}, difference={"a": 1})
    answer = problems.refusal_response(refused)
    assert answer["ETag"] == '"1"'
    assert json.loads(answer.content)["difference"] == {"a": 1}
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Length"] == str(len(answer.content))


def test_what_nobody_anticipated_is_no_refusal() -> None:
    assert refusals.of(RuntimeError("a bug")) is None
    assert refusals.of(KeyError("a bug")) is None


def test_metrics_are_counted_by_route_and_never_by_id(client: Client) -> None:
    before = metrics.REQUESTS.value(route="api/page", method="GET", status="410")
    client.get("/api/page")
    client.get("/api/nothing-like-this")
    text = client.get("/metrics").content.decode()
    assert f'ems_http_requests_total{{route="api/page",method="GET",status="410"}} {before + 1:g}' in text
    assert "nothing-like-this" not in text
    assert "# TYPE ems_http_request_seconds histogram" in text
    assert 'ems_http_request_seconds_bucket{route="api/page",le="+Inf"}' in text


def test_label_values_cannot_break_the_exposition() -> None:
    counter = metrics.Counter("ems_test_total", "A test.", ("what",))
    counter.add(2, what='a"b\\c\nd')
    assert counter.lines() == ['ems_test_total{what="a\\"b\\\\c\\nd"} 2']
    metrics._registered.remove(counter)


def test_a_plain_answer_names_what_was_kept() -> None:
    def not_allowed(_: object) -> HttpResponse:
        return HttpResponse(status=405, headers={"Allow": "GET", "X-Other": "1"})

    answer = problems.ProblemMiddleware(not_allowed)(RequestFactory().post("/api/x"))
    assert answer["Allow"] == "GET"
    assert "X-Other" not in answer
