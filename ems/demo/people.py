"""The demo's organizations and people: one operator with a console login, one viewer, a token each."""

import os
import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.contrib.auth import get_user_model

from edges import operator_tokens, organizing, people, tenancy
from edges.models import TrustRoot

USERNAME = "alice"
LIFETIME = timedelta(days=30)
# Programs that go on from the demo also make sites, edges and keys, which an `operator` may not.
ROLES = {"operator_token": "administrator", "viewer_token": "viewer"}


def introduce(organizations: dict[str, str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Organizations ({code: name}), their people and tokens; answers (tokens by organization, the login)."""
    users = get_user_model()
    password = secrets.token_urlsafe(12)
    owner = users.objects.create_user(USERNAME, password=password, is_staff=True)
    viewer = users.objects.create_user("bob", is_staff=True)
    tokens = {code: _found(code, name, owner, viewer) for code, name in organizations.items()}
    return tokens, {"username": USERNAME, "password": password}


def trust_root() -> TrustRoot:
    """Root 1, as edges pin it."""
    return TrustRoot.objects.get(root_version=1)


def _found(code: str, name: str, owner: object, viewer: object) -> dict[str, str]:
    now = datetime.now(UTC)
    made = organizing.create_organization(
        organization_id=uuid4(), code=code, name=name, time_zone="Europe/Berlin", now=now
    )
    with tenancy.scope([made.id]):
        people.grant(user=owner, organization_id=made.id, role="owner")
        people.grant(user=viewer, organization_id=made.id, role="viewer")
        return {
            purpose: operator_tokens.issue(
                user=viewer if role == "viewer" else owner,
                organization_id=made.id,
                name=f"demo {role}",
                role=role,
                site=None,
                lifetime=LIFETIME,
                now=now,
                random_bytes=os.urandom,
            )[1]
            for purpose, role in ROLES.items()
        }
