"""/api/openapi.json says what the resolver serves; /api/docs needs no file from elsewhere."""

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema


@pytest.fixture(scope="module")
def schema() -> dict:
    answer = Client().get("/api/openapi.json")
    assert answer.status_code == 200
    return json.loads(answer.content)


def api_routes(patterns: list, before: str = "") -> set[str]:
    found = set()
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found |= api_routes(one.url_patterns, route)
        elif isinstance(one, URLPattern) and route.startswith("api/v1/"):
            found.add("/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route))
    return found


def test_it_is_openapi_3_1_and_valid(schema: dict) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_address_of_the_api_is_described(schema: dict) -> None:
    assert set(schema["paths"]) == api_routes(get_resolver().url_patterns)


def test_every_call_has_a_name_of_its_own_and_names_its_refusals(schema: dict) -> None:
    calls = [call for path in schema["paths"].values() for name, call in path.items() if name != "parameters"]
    names = [call["operationId"] for call in calls]
    assert len(names) == len(set(names))
    for call in calls:
        assert call["summary"]
        assert any(status.startswith("4") for status in call["responses"])


def test_what_we_send_to_others_is_described_too(schema: dict) -> None:
    for name in ("alert", "test"):
        sent = schema["webhooks"][name]["post"]
        assert "EMS-Signature" in sent["description"]
        assert sent["requestBody"]["content"]["application/json"]["schema"]["$ref"]


def test_the_documentation_loads_our_own_files_alone(db: None) -> None:
    shown = Client().get("/api/docs").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', shown)
    assert addresses
    for address in addresses:
        assert address.startswith("/static/")
        assert finders.find(address.removeprefix("/static/"))
    assert not re.search(r"https?://(?!www\.w3\.org)", shown)
