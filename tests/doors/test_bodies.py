"""What is read from a body, what is refused, and what a bomb costs."""

import gzip
import tracemalloc
from typing import Any

import pytest
from django.test import RequestFactory

from doors import bodies
from doors.problems import Refused
from edge_protocol.errors import BodyTooLargeError, JsonError

CAP = 1024


def read(data: bytes, content_type: str = "application/json", **meta: str) -> Any:
    request = RequestFactory().generic("POST", "/", data, content_type=content_type, **meta)
    return bodies.read_json(request, max_bytes=CAP)


def status_of(error: Exception) -> int:
    from doors import refusals

    refused = refusals.of(error)
    assert refused is not None
    return refused.status


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF8"'],
)
def test_json_in_utf8_is_read(content_type: str) -> None:
    assert read('{"a": "é"}'.encode(), content_type) == {"a": "é"}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_other_media_are_refused(content_type: str) -> None:
    with pytest.raises(Refused) as refused:
        read(b"{}", content_type)
    assert (refused.value.status, refused.value.code) == (415, "unsupported_media")


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "compress", "x"])
def test_other_codings_are_refused_and_the_known_one_named(coding: str) -> None:
    with pytest.raises(Refused) as refused:
        read(b"{}", HTTP_CONTENT_ENCODING=coding)
    assert refused.value.status == 415
    assert refused.value.headers == {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_undone(coding: str) -> None:
    assert read(gzip.compress(b'{"a":1}', mtime=0), HTTP_CONTENT_ENCODING=coding) == {"a": 1}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"no gzip", 400),
        (gzip.compress(b"{}", mtime=0)[:-3], 400),  # cut short
        (gzip.compress(b"{}", mtime=0) + b"x", 400),  # something behind it
        (gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0), 400),  # a second member
        (gzip.compress(b'"' + b"a" * CAP + b'"', mtime=0), 413),
        (b"", 400),
    ],
)
def test_gzip_that_is_wrong_or_too_large_is_refused(data: bytes, status: int) -> None:
    with pytest.raises((Refused, JsonError)) as error:
        read(data, HTTP_CONTENT_ENCODING="gzip")
    assert status_of(error.value) == status


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b"0" * 100_000_000, mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            bodies.gunzip(bomb, max_bytes=CAP)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 1_000_000


def test_a_body_may_be_as_large_as_the_cap_and_no_larger() -> None:
    exactly = b'"' + b"a" * (CAP - 2) + b'"'
    assert len(read(exactly)) == CAP - 2
    with pytest.raises((Refused, BodyTooLargeError)) as error:
        read(exactly + b" ")
    assert status_of(error.value) == 413


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"{]", 400),
        (b"\xff", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"[NaN]", 400),
        (b"{'a': 1}", 400),
        (b'{"a":1,"a":2}', 422),
        (b"[1e999]", 422),
        (b"[9007199254740993]", 422),
        (b'["\\u0000"]', 422),
        (b'["\\ud800"]', 422),
        (b"[" * 33 + b"]" * 33, 422),
        (b"[" * 400 + b"]" * 400, 422),
    ],
)
def test_malformed_json_is_400_and_unacceptable_json_is_422(data: bytes, status: int) -> None:
    with pytest.raises(JsonError) as error:
        read(data)
    assert status_of(error.value) == status
