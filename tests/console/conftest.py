"""Callers of the operator API: each a person of the cast with a token of theirs."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from configs import adopting, changesets, founding, signing
from configs.changes import Actor, Change, Operation
from configs.rollouts import starting
from configs.rollouts.models import Rollout
from configs.rollouts.policies import Share, Wish
from edges import tenancy
from edges.models import Edge, Stage, TrustRoot
from monitoring import alerting, looking
from monitoring.causes import Cause
from monitoring.models import Alert
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
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            content_type="application/json",
            headers=named,
        )


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def trust(db: None, key_folder: Path, settings: Any) -> TrustRoot:
    """The key that the server signs with, and root 1 that vouches for it."""
    signing_key = key_folder / "config-signing.key"
    settings.EMS_SIGNING_KEY_FILE = str(signing_key)
    return founding.found_trust(
        signing_key=signing_key, root_key=key_folder / "root-1.key", now=build.NOW, random_bytes=os.urandom
    )


@pytest.fixture
def published(cast: build.Cast, trust: TrustRoot, alice: "Caller", dora: "Caller") -> build.Cast:
    """The cast with a valid layer in each organization; each edge should run version 1."""
    for caller, code in ((alice, "acme"), (dora, "birch")):
        answer = caller(
            "PUT", f"/organizations/{code}/layers/organization/{code}", build.document(), If_Match='"0"'
        )
        assert answer.status_code == 200, answer.content
    for edge in (cast.acme_north, cast.acme_south, cast.birch_edge):
        with tenancy.scope([edge.organization_id]):
            adopting.adopt(edge=edge, actor=Actor("set-up"), now=build.NOW, signer=signing.signer())
    return cast


@pytest.fixture
def rollout(published: build.Cast) -> Rollout:
    """Of Acme's layer, two waves of one edge each; the first one is open."""
    with tenancy.scope([published.acme.pk]):
        Edge.objects.update(stage=Stage.IN_SERVICE)
    step = Operation("organization", "acme", "set", "/core_cycle/period_ms", 2000)
    draft = changesets.create_draft(
        organization_id=published.acme.pk,
        change=Change(reason="A slower cycle", operations=[step]),
        actor=Actor("alice"),
        now=build.NOW,
    )
    return starting.start(
        organization_id=published.acme.pk,
        change_set_id=draft.change_set_id,
        wish=Wish(shares=[Share(count=1), Share(percent=100)]),
        actor=Actor("alice"),
        now=build.NOW,
    )


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


BOTH = Cause("clock", "clock", "Edges with a wrong clock")
SOUTH = Cause("safe_mode", "safe_mode", "Edges in safe mode")


@pytest.fixture
def alerts(cast: build.Cast) -> dict[str, str]:
    """One alert in both sites, one in the south alone."""
    north, south = cast.acme_north.pk, cast.acme_south.pk
    with tenancy.scope([cast.acme.pk]):
        looking.lock(cast.acme.pk)
        standing = {BOTH: {north, south}, SOUTH: {south}}
        alerting.settle(cast.acme.pk, standing, kinds={"clock", "safe_mode"}, edges=None, now=build.NOW)
        return {one.key: str(one.pk) for one in Alert.objects.all()}
