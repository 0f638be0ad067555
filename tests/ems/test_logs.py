"""Log lines: JSON, one a line, with the request, and never a secret."""

import json
import logging
import sys

from edge_protocol.keys import make_credential
from ems.logs import JSONFormatter, TextFormatter, without_secrets

KEY = make_credential("emse", "AbCdEfGhIjKl", "s" * 43)


def record(message: str, *arguments: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("ems.test", logging.WARNING, "f", 1, message, arguments, exc_info)


def test_a_line_is_one_json_object() -> None:
    made = record("two\nlines: %s", "ä")
    made.request_id = "r-1"
    line = JSONFormatter().format(made)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["message"], said["level"], said["logger"], said["request_id"]) == (
        "two\nlines: ä",
        "WARNING",
        "ems.test",
        "r-1",
    )


def test_an_error_carries_its_traceback() -> None:
    try:
        raise ValueError(KEY)
    except ValueError:
        line = JSONFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "ValueError" in json.loads(line)["traceback"]
    assert KEY not in line


def test_a_credential_loses_its_secret_wherever_it_stands() -> None:
    for formatter in (JSONFormatter(), TextFormatter("{message}", style="{")):
        line = formatter.format(record("%s and %s", KEY, {"Authorization": f"Bearer {KEY}"}))
        assert "emse_AbCdEfGhIjKl_..." in line
        assert "ssss" not in line


def test_other_text_stays_as_it_is() -> None:
    assert without_secrets("emse_ is a prefix") == "emse_ is a prefix"
