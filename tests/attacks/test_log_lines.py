"""Text of strangers in the logs: it begins no line, steers no terminal and gives no secret away."""

import json
import logging

import pytest
from django.test import Client

from edge_protocol.keys import make_credential
from ems.logs import JSONFormatter, TextFormatter

KEY = make_credential("emso", "AbCdEfGhIjKl", "s" * 43)
FORGED = "ok\r\n2026-01-01 00:00:00 CRITICAL ems: forged\x1b[2J\x1b]0;owned\x07\x9b31m\u202egpj.exe\u2028next"
FORMS = {
    "json": JSONFormatter(),
    "text": TextFormatter("{asctime} {levelname} {name}: {message}", style="{"),
}


def line(form: str, *arguments: object) -> str:
    record = logging.LogRecord("ems.test", logging.WARNING, "f", 1, "asked for %s", arguments, None)
    return FORMS[form].format(record)


@pytest.mark.parametrize("form", FORMS)
def test_a_strangers_text_stays_in_its_line(form: str) -> None:
    written = line(form, FORGED)
    assert len(written.splitlines()) == 1
    assert all(character.isprintable() for character in written)
    assert "forged" in written


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_across_a_forged_line_is_still_taken_out(form: str) -> None:
    assert "ssss" not in line(form, f"\n{KEY}\n")


def test_a_forged_line_in_an_address_is_logged_as_one(caplog: pytest.LogCaptureFixture) -> None:
    Client(raise_request_exception=False).get("/%0A2026-01-01%20CRITICAL%20forged%0D%0A%1B[2J")
    for form in FORMS.values():
        for record in caplog.records:
            assert len(form.format(record).splitlines()) == 1
    assert json.loads(FORMS["json"].format(caplog.records[-1]))["logger"] == "django.request"
