"""A signer of the test's own, and the acts that most tests begin with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from configs import adopting, publishing
from configs.changes import Actor, Change, Operation
from configs.models import Version
from configs.outcomes import Outcome, Preview
from configs.signing import Signer
from edge_protocol import envelope, trust
from edges.models import Edge, Organization, Site, TrustRoot
from tests import build

SEED = bytes(range(32))
ALICE = Actor("alice")


def make_signer() -> Signer:
    return Signer(envelope.signer(envelope.private_key_from_seed(SEED)))


@dataclass
class Desk:
    """One operator's desk in one organization."""

    organization: Organization
    signer: Signer
    actor: Actor = ALICE
    now: datetime = build.NOW

    def operation(self, address: str, op: str, path: str = "", *value: Any) -> Operation:
        scope, _, target = address.partition("/")
        return Operation(scope, target, op, path, *value)

    def change(self, *steps: tuple[Any, ...], **more: Any) -> Change:
        operations = [self.operation(*step) for step in steps]
        return Change(reason=more.pop("reason", "a test"), operations=operations, **more)

    def publish(self, *steps: tuple[Any, ...], preview_digest: str | None = None, **more: Any) -> Outcome:
        return publishing.publish(
            organization_id=self.organization.pk,
            change=self.change(*steps, **more),
            actor=self.actor,
            now=self.now,
            signer=self.signer,
            preview_digest=preview_digest,
        )

    def preview(self, *steps: tuple[Any, ...], **more: Any) -> Preview:
        return publishing.preview(
            organization_id=self.organization.pk, change=self.change(*steps, **more), now=self.now
        )

    def add_edge(self, site: Site, edge_id: str, **more: Any) -> Edge:
        return adopting.create_edge(
            site=site, edge_id=edge_id, actor=self.actor, now=self.now, signer=self.signer, **more
        )


@dataclass
class World:
    """Acme with a valid organization layer, two sites, and an edge in each that has version 1."""

    desk: Desk
    organization: Organization
    north: Site
    south: Site
    north_edge: Edge
    south_edge: Edge
    first: Outcome

    def north_edge_version(self, number: int) -> Version:
        """Needs a scope."""
        found: Version = Version.objects.get(edge=self.north_edge, number=number)
        return found


def make_world(document: dict[str, Any] | None = None) -> World:
    acme = build.make_organization("acme")
    north, south = build.make_site(acme, "north"), build.make_site(acme, "south")
    desk = Desk(acme, make_signer())
    body = document or build.document()
    first = desk.publish(("organization/acme", "set", "", body))
    edges = [desk.add_edge(north, "acme-north-1"), desk.add_edge(south, "acme-south-1")]
    return World(desk, acme, north, south, *edges, first)


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def founded() -> TrustRoot:
    """Root 1, over the test signer's key."""
    root_key = envelope.private_key_from_seed(bytes(reversed(SEED)))
    config_key = envelope.private_key_from_seed(SEED)
    names = {
        name: envelope.keyid(envelope.public_text(key))
        for name, key in (("root", root_key), ("config", config_key))
    }
    root = trust.TrustRoot(
        root_version=1,
        epoch=1,
        issued_at="2026-01-01T00:00:00Z",
        expires_at="2036-01-01T00:00:00Z",
        keys={
            names["root"]: envelope.public_text(root_key),
            names["config"]: envelope.public_text(config_key),
        },
        config=trust.Role((names["config"],), 1),
        root=trust.Role((names["root"],), 1),
    )
    sealed = envelope.seal(trust.ROOT_TYPE, root.payload(), [envelope.signer(root_key)])
    return TrustRoot.objects.create(
        root_version=1, envelope=sealed.to_json(), sha256=root.sha256, created_at=build.NOW
    )
