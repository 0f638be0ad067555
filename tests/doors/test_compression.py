"""gzip for answers; the entity tag stays as it is."""

import gzip

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from doors.compression import CompressionMiddleware, accepts_gzip

LARGE = b'{"a":"' + b"x" * 2000 + b'"}'


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZip, deflate", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=0.001", True),
        ("identity", False),
    ],
)
def test_accept_encoding_is_read_as_rfc_9110_says(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def answer(body: bytes, accept: str, content_type: str = "application/json") -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    response["ETag"] = '"1-abc"'
    middleware = CompressionMiddleware(lambda _: response)
    done = middleware(RequestFactory().get("/", headers={"Accept-Encoding": accept}))
    assert isinstance(done, HttpResponse)
    return done


def test_a_large_answer_is_squeezed_and_keeps_its_tag_strong() -> None:
    done = answer(LARGE, "gzip")
    assert gzip.decompress(done.content) == LARGE
    assert done["ETag"] == '"1-abc"'
    assert done["Content-Length"] == str(len(done.content))
    assert done["Vary"] == "Accept-Encoding"


def test_equal_answers_give_equal_bytes() -> None:
    assert answer(LARGE, "gzip").content == answer(LARGE, "gzip").content


@pytest.mark.parametrize(
    ("body", "accept", "content_type"),
    [(LARGE, "", "application/json"), (b"{}", "gzip", "application/json"), (LARGE, "gzip", "image/png")],
)
def test_other_answers_pass_as_they_are(body: bytes, accept: str, content_type: str) -> None:
    done = answer(body, accept, content_type)
    assert done.content == body
    assert "Content-Encoding" not in done


def test_no_length_is_said_of_a_body_that_is_not_there() -> None:
    response = HttpResponse(status=304)
    response["Content-Length"] = "0"
    assert "Content-Length" not in CompressionMiddleware(lambda _: response)(RequestFactory().get("/"))
