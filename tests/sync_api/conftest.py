"""An edge that can ask: its key's text, and a head as publishing would have written it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from configs import signing
from doors import limits
from edges import tenancy
from edges.models import Edge, EdgeHead, EdgeKey
from tests import build
from tests.configs.conftest import World, make_world

ENVELOPE = "eyJwYXlsb2FkIjoiIn0"


@dataclass
class Asker:
    """One edge's way to the HTTP doors."""

    client: Client
    edge: Edge
    key: EdgeKey
    text: str

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}", **more}

    def path(self, call: str) -> str:
        return f"/api/v1/edges/{self.edge.edge_id}/{call}"

    def get(self, call: str, **more: str) -> Any:
        return self.client.get(self.path(call), headers=self.headers(**more))

    def post(self, call: str, body: Any, **more: str) -> Any:
        return self.client.post(
            self.path(call), body, content_type="application/json", headers=self.headers(**more)
        )


def make_asker(client: Client, edge: Edge, **values: Any) -> Asker:
    # Used just now, so that no request notes it again: queries are counted, however long the run has lasted.
    key, text = build.make_key(edge, **{"last_used_at": datetime.now(UTC), **values})
    return Asker(client, edge, key, text)


def make_head(edge: Edge, version: int = 3, digest: str = "ab" * 32, **values: Any) -> EdgeHead:
    with tenancy.scope([edge.organization_id]):
        head, _ = EdgeHead.objects.update_or_create(
            edge=edge,
            defaults={
                "organization_id": edge.organization_id,
                "version": version,
                "digest": digest,
                "etag": f'"{version}-{digest[:32]}"',
                "epoch": 1,
                "envelope": ENVELOPE,
                "issued_at": build.NOW,
                "published_at": build.NOW,
                **values,
            },
        )
        return head


@pytest.fixture(autouse=True)
def _fresh_leases() -> None:
    """Every test's database has buckets of its own."""
    limits.leases.clear()


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that heartbeats may have to re-issue a manifest with."""
    path = tmp_path_factory.mktemp("keys") / "config-signing.key"
    signing.ensure_key(path, random_bytes=lambda count: bytes(range(count)))
    return path


@pytest.fixture(autouse=True)
def _signing_key(settings: Any, signing_key: Path) -> None:
    settings.EMS_SIGNING_KEY_FILE = str(signing_key)


@pytest.fixture
def asker(client: Client, cast: build.Cast) -> Asker:
    """Acme's northern edge."""
    return make_asker(client, cast.acme_north)


@pytest.fixture
def intruder(client: Client, cast: build.Cast) -> Asker:
    """Birch's edge."""
    return make_asker(client, cast.birch_edge)


@dataclass
class Published:
    """Acme's northern edge with versions of its own making."""

    world: World
    asker: Asker

    def threshold(self, watts: int) -> None:
        """Publish a new value of one controller, for all of Acme."""
        path = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
        self.world.desk.publish(("organization/acme", "set", path, watts))

    @property
    def head(self) -> EdgeHead:
        with tenancy.scope([self.world.organization.pk]):
            return EdgeHead.objects.get(edge=self.asker.edge)


@pytest.fixture
def published(client: Client, db: None) -> Published:
    world = make_world()
    return Published(world, make_asker(client, world.north_edge))
