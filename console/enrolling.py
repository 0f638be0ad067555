"""The line that a technician pastes on an edge, for one edge or for a sheet of them."""

import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from edges import enrollment
from edges.models import Edge, TrustRoot


@dataclass(frozen=True, slots=True)
class Label:
    """What one edge needs to enroll; `token` and `command` are shown this once."""

    edge_id: str
    site: str
    expires_at: datetime
    token: str = field(repr=False)
    command: str = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def command(request: HttpRequest, token: str) -> str:
    """Enrolls in one paste: the token by environment, the digest of trust root 1 so that nothing is
    trusted on sight.
    """
    return _command(request, token, TrustRoot.objects.get(root_version=1))


def labels(
    request: HttpRequest, edges: Iterable[Edge], *, ttl_hours: int, by: str, now: datetime
) -> list[Label]:
    """A token for each edge. Needs a scope. Errors: as `enrollment.issue_token`."""
    root = TrustRoot.objects.get(root_version=1)
    made = []
    for edge in edges:
        token, expires_at = enrollment.issue_token(
            edge=edge, ttl_hours=ttl_hours, by=by, now=now, random_bytes=secrets.token_bytes
        )
        made.append(Label(edge.edge_id, edge.site.code, expires_at, token, _command(request, token, root)))
    return made


def _command(request: HttpRequest, token: str, root: TrustRoot) -> str:
    server_url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return (
        f"EMS_ENROLLMENT_TOKEN={shlex.quote(token)} "
        f"ems-agent enroll --server {shlex.quote(server_url)} --root-sha256 {root.sha256}"
    )
