"""The people and edges of the operator API's tests, attackers among them, and two real servers to attack."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from pytest_django import DjangoDbBlocker

from configs import founding
from doors import limits
from edges import tenancy
from edges.models import Edge, TrustRoot
from tests import build
from tests.console.conftest import (  # noqa: F401 - fixtures
    alice,
    bob,
    dora,
    edge_key,
    key_folder,
    nora,
    operator,
    published,
    trust,
)
from tests.console.matrix.world import World, make_world
from tests.databases import Database, clone, pointed_at
from tests.processes import ServerProcess, start_server

# One after the other, so that what is sought in answers, logs and dumps cannot be there by chance.
PEPPER = "canary-pepper-canary-pepper-canary-pepper"
SECRET_KEY = "canary-secret-key-" * 4
MANY = (1_000_000.0, 1_000_000.0, 1, 0)


@pytest.fixture
def world(trust: TrustRoot, settings: Any) -> World:  # noqa: F811 - the fixture imported above
    """Two organizations with a row of everything, and everybody who could ask."""
    settings.EMS_LIMITS = dict.fromkeys(("operator", "failed", "enroll"), MANY)
    return make_world()


def cast_of(world: World) -> build.Cast:
    """Its organizations, sites, edges and people as rows."""
    users = {user.username: user for user in get_user_model().objects.all()}
    ids = [UUID(world.targets[whose]["edges/organization"]) for whose in ("own", "other_org")]
    with tenancy.scope(ids):
        edges = {edge.edge_id: edge for edge in Edge.objects.select_related("site", "organization")}
    north, south, birch = (edges[name] for name in ("acme-north-1", "acme-south-1", "birch-main-1"))
    return build.Cast(
        acme=north.organization,
        north=north.site,
        south=south.site,
        acme_north=north,
        acme_south=south,
        birch=birch.organization,
        birch_main=birch.site,
        birch_edge=birch,
        **{name: users[name] for name in ("alice", "bob", "charlie")},
    )


@dataclass(frozen=True)
class Target:
    """Two server processes over one database with the matrix' world in it."""

    world: World
    cast: build.Cast
    servers: tuple[ServerProcess, ServerProcess]
    database: Database
    signing_key: Path
    root_key: Path


@pytest.fixture(autouse=True)
def _fresh_leases() -> None:
    """What this process knows of limits belongs to another test's database."""
    limits.leases.clear()


@pytest.fixture(scope="module")
def target(
    request: pytest.FixtureRequest,
    template: Database,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Target]:
    """`LIMITS` of the test's module are the servers'."""
    folder = tmp_path_factory.mktemp("keys")
    signing_key, root_key = folder / "config-signing.key", folder / "root-1.key"
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(settings, "EMS_PEPPERS", {1: PEPPER.encode()})
        patch.setattr(settings, "SECRET_KEY", SECRET_KEY)
        patch.setattr(settings, "EMS_SIGNING_KEY_FILE", str(signing_key))
        own = stack.enter_context(clone(template, f"attacked_{os.getpid()}"))
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(pointed_at(own))
        founding.found_trust(
            signing_key=signing_key, root_key=root_key, now=build.NOW, random_bytes=os.urandom
        )
        environment = {
            "EMS_PEPPERS": f"1:{PEPPER}",
            "SECRET_KEY": SECRET_KEY,
            "EMS_SIGNING_KEY_FILE": str(signing_key),
            "EMS_LIMITS": json.dumps(getattr(request.module, "LIMITS", {})),
            "LOG_LEVEL": "DEBUG",
        }
        world = make_world()
        servers = [
            stack.enter_context(start_server(own.url, settings.EMS_VAR, environment)) for _ in range(2)
        ]
        yield Target(world, cast_of(world), (servers[0], servers[1]), own, signing_key, root_key)
