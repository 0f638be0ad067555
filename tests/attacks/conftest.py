"""The people and edges of the operator API's tests, attackers among them, and two real servers to attack."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from configs import founding
from doors import limits
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
from tests.databases import Database, clone, pointed_at
from tests.processes import ServerProcess, start_server

# One after the other, so that what is sought in answers, logs and dumps cannot be there by chance.
PEPPER = "canary-pepper-canary-pepper-canary-pepper"
SECRET_KEY = "canary-secret-key-" * 4
MOST_CALLS = 20
LIMITS = f'{{"operator": [{MOST_CALLS}, 0.001, 1, 0], "failed": [400, 0.001, 1, 0]}}'


@dataclass(frozen=True)
class Target:
    """Two server processes over one database with the cast in it."""

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
    template: Database, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
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
            "EMS_LIMITS": LIMITS,
            "LOG_LEVEL": "DEBUG",
        }
        cast = build.make_cast()
        servers = [
            stack.enter_context(start_server(own.url, settings.EMS_VAR, environment)) for _ in range(2)
        ]
        yield Target(cast, (servers[0], servers[1]), own, signing_key, root_key)
