"""Callers of the operator API: each a person of the cast with a token of theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from tests import build


@dataclass(frozen=True)
class Caller:
    """Calls `/api/v1` as one principal."""

    authorization: str | None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            named["Authorization"] = f"Bearer {self.authorization}"
        return Client().generic(
            method,
            f"/api/v1{path}",
            "" if body is None else body if isinstance(body, bytes) else json_bytes(body),
            content_type="application/json",
            headers=named,
        )


def json_bytes(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()


@pytest.fixture
def operator(db: None) -> Callable[..., Caller]:
    """`operator(user, organization, role)`: a caller with a token of that role."""

    def make(user: Any, organization: Any, role: str = "owner", **values: Any) -> Caller:
        return Caller(build.make_operator_token(user, organization, role=role, **values)[1])

    return make


@pytest.fixture
def alice(cast: build.Cast, operator: Callable[..., Caller]) -> Caller:
    """Owns Acme."""
    return operator(cast.alice, cast.acme)


@pytest.fixture
def bob(cast: build.Cast, operator: Callable[..., Caller]) -> Caller:
    """Views Acme, whatever his token says."""
    return operator(cast.bob, cast.acme)


@pytest.fixture
def dora(cast: build.Cast, operator: Callable[..., Caller]) -> Caller:
    """Owns Birch."""
    user = build.make_user("dora")
    build.make_membership(user, cast.birch, "owner")
    return operator(user, cast.birch)


@pytest.fixture
def nora(cast: build.Cast, operator: Callable[..., Caller]) -> Caller:
    """Administers Acme's site north alone."""
    user = build.make_user("nora")
    build.make_membership(user, cast.acme, "administrator", site=cast.north)
    return operator(user, cast.acme)


@pytest.fixture
def edge_key(cast: build.Cast) -> Caller:
    return Caller(build.make_key(cast.acme_north)[1])
