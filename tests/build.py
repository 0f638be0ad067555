"""Plain builders. Each opens the scope it needs and returns the row it made."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model

from edges import keys, operator_tokens, tenancy
from edges.models import Edge, EdgeKey, EdgeStatus, Membership, OperatorToken, Organization, Site

NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Cast:
    acme: Organization
    north: Site
    south: Site
    acme_north: Edge
    acme_south: Edge
    birch: Organization
    birch_main: Site
    birch_edge: Edge
    alice: Any
    bob: Any
    charlie: Any


def make_organization(code: str = "acme", **values: Any) -> Organization:
    made = Organization(id=uuid4(), code=code, name=code.title(), created_at=NOW, **values)
    with tenancy.scope([made.id]):
        made.save(force_insert=True)
    return made


def make_site(organization: Organization, code: str = "north", **values: Any) -> Site:
    with tenancy.scope([organization.id]):
        return Site.objects.create(
            organization=organization, code=code, name=code.title(), created_at=NOW, **values
        )


def make_edge(site: Site, edge_id: str, *, stage: str = "in_service", **values: Any) -> Edge:
    with tenancy.scope([site.organization_id]):
        edge = Edge.objects.create(
            organization_id=site.organization_id,
            site=site,
            edge_id=edge_id,
            stage=stage,
            created_at=NOW,
            **values,
        )
        EdgeStatus.objects.create(organization_id=site.organization_id, edge=edge)
        return edge


def make_user(username: str, **values: Any) -> Any:
    """Without a password: a test signs in with `client.force_login`."""
    user = get_user_model()(username=username, **values)
    user.set_unusable_password()
    user.save()
    return user


def make_membership(user: Any, organization: Organization, role: str, site: Site | None = None) -> Membership:
    with tenancy.scope([organization.id]):
        return Membership.objects.create(user=user, organization=organization, role=role, site=site)


def make_key(edge: Edge, **values: Any) -> tuple[EdgeKey, str]:
    """A confirmed key of the edge, and its text."""
    with tenancy.scope([edge.organization_id]):
        key, text = keys.make(edge=edge, now=NOW, random_bytes=secrets.token_bytes)
        EdgeKey.objects.filter(pk=key.pk).update(**{"first_used_at": NOW, "last_used_at": NOW, **values})
        key.refresh_from_db()
        return key, text


def make_operator_token(
    user: Any,
    organization: Organization,
    *,
    role: str = "owner",
    site: Site | None = None,
    lifetime: timedelta = timedelta(days=30),
    now: datetime = NOW,
) -> tuple[OperatorToken, str]:
    """A token of the user's for the organization, and its text."""
    with tenancy.scope([organization.id]):
        return operator_tokens.issue(
            user=user,
            organization_id=organization.id,
            name="test",
            role=role,
            site=site,
            lifetime=lifetime,
            now=now,
            random_bytes=secrets.token_bytes,
        )


def make_cast() -> Cast:
    acme, birch = make_organization("acme"), make_organization("birch")
    north, south = make_site(acme, "north"), make_site(acme, "south")
    birch_main = make_site(birch, "main")
    alice, bob, charlie = (make_user(name) for name in ("alice", "bob", "charlie"))
    make_membership(alice, acme, "owner")
    make_membership(bob, acme, "viewer")
    return Cast(
        acme=acme,
        north=north,
        south=south,
        acme_north=make_edge(north, "acme-north-1"),
        acme_south=make_edge(south, "acme-south-1"),
        birch=birch,
        birch_main=birch_main,
        birch_edge=make_edge(birch_main, "birch-main-1"),
        alice=alice,
        bob=bob,
        charlie=charlie,
    )


def document() -> dict[str, Any]:
    """A small document that earns no warning: one battery, one grid meter, peak shaving before balancing."""
    return {
        "core_cycle": {"period_ms": 1000},
        "scheduler": {
            "strategy": "fixed_order",
            "controllers": [
                {
                    "id": "ctrlLimit0",
                    "class": "LimitTotalDischargeController",
                    "enabled": True,
                    "execution_order": 1,
                    "parameters": {"ess_id": "ess0", "min_soc": 15, "force_charge_soc": 10},
                },
                {
                    "id": "ctrlPeakShaving0",
                    "class": "PeakShavingController",
                    "enabled": True,
                    "execution_order": 2,
                    "parameters": {"ess_id": "ess0", "meter_id": "meter0", "threshold_watts": 50000},
                },
                {
                    "id": "ctrlBalancing0",
                    "class": "BalancingController",
                    "enabled": True,
                    "execution_order": 3,
                    "parameters": {"ess_id": "ess0", "meter_id": "meter0", "target_grid_power": 0},
                },
            ],
        },
        "modbus_devices": [
            {
                "device_id": "ess0",
                "profile": "tesla_powerwall_2",
                "enabled": True,
                "connection": {"protocol": "tcp", "host": "192.168.1.100", "port": 502, "unit_id": 1},
            },
            {
                "device_id": "meter0",
                "profile": "sunspec_meter",
                "enabled": True,
                "connection": {"protocol": "tcp", "host": "192.168.1.101", "port": 502, "unit_id": 1},
            },
        ],
        "alarms": [],
    }
