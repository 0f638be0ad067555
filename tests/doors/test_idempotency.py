"""The same call twice has one effect and one answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from doors import idempotency
from doors.models import IdempotencyRecord
from doors.problems import Refused

pytestmark = pytest.mark.django_db


class Counted:
    """A use case that may not be repeated."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Response:
        self.times += 1
        response = Response({"number": self.times}, status=201)
        response["ETag"] = f'"{self.times}"'
        return response


def request(body: Any = None, key: str | None = "k1", path: str = "/x") -> Request:
    headers = {} if key is None else {"Idempotency-Key": key}
    made = APIRequestFactory().post(path, body or {"a": 1}, format="json", headers=headers)
    return Request(made, parsers=[JSONParser()])


def test_a_repeated_call_gets_the_first_answer() -> None:
    act = Counted()
    first = idempotency.once(request(), principal="p", respond=act)
    again = idempotency.once(request(), principal="p", respond=act)
    assert act.times == 1
    assert (again.status_code, again.content) == (201, b'{"number":1}')
    assert again["ETag"] == first["ETag"]
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("other", [request({"a": 2}), request(path="/y"), request(path="/x?dry_run=true")])
def test_a_key_for_another_request_is_refused(other: Request) -> None:
    idempotency.once(request(), principal="p", respond=Counted())
    with pytest.raises(Refused) as refused:
        idempotency.once(other, principal="p", respond=Counted())
    assert (refused.value.status, refused.value.code) == (422, "idempotency_mismatch")


def test_keys_belong_to_their_principal() -> None:
    act = Counted()
    for principal in ("p", "q"):
        idempotency.once(request(), principal=principal, respond=act)
    assert act.times == 2


def test_without_a_key_every_call_counts() -> None:
    act = Counted()
    for _ in range(2):
        idempotency.once(request(key=None), principal="p", respond=act)
    assert act.times == 2


def test_a_refused_call_may_be_repeated() -> None:
    def refuse() -> Response:
        raise Refused(422, "invalid", "no")

    with pytest.raises(Refused):
        idempotency.once(request(), principal="p", respond=refuse)
    assert idempotency.once(request(), principal="p", respond=Counted()).status_code == 201


def test_an_answer_with_a_secret_is_not_kept() -> None:
    act = Counted()
    idempotency.once(request(), principal="p", respond=act, secret=True)
    assert IdempotencyRecord.objects.get().body is None
    with pytest.raises(Refused) as refused:
        idempotency.once(request(), principal="p", respond=act, secret=True)
    assert (refused.value.status, refused.value.code) == (409, "already_answered")
    assert act.times == 1


def test_a_key_is_forgotten_after_a_day() -> None:
    act = Counted()
    idempotency.once(request(), principal="p", respond=act)
    IdempotencyRecord.objects.update(created_at=datetime.now(UTC) - timedelta(hours=24, seconds=1))
    idempotency.once(request(), principal="p", respond=act)
    assert act.times == 2


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é", "a\x00"])
def test_a_key_of_the_wrong_shape_is_refused(key: str) -> None:
    with pytest.raises(Refused) as refused:
        idempotency.once(request(key=key), principal="p", respond=Counted())
    assert (refused.value.status, refused.value.code) == (400, "bad_idempotency_key")
