"""Who listens: proven when the socket opens, and again every few seconds while it is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest

from console.admin.site import desk
from edges import credentials, tenancy
from edges.credentials import OperatorPrincipal
from edges.errors import Suspended, Unauthenticated
from edges.hints import Hint
from edges.models import Organization


@dataclass(frozen=True)
class Listener:
    """A person, and the codes of their organizations."""

    principal: OperatorPrincipal
    codes: Mapping[UUID, str]

    def may_hear(self, hint: Hint) -> bool:
        """Only of what the person could open: their organizations and, of those, their sites."""
        if hint.organization_id not in self.codes:
            return False
        own = self.principal.sites_of(hint.organization_id)
        return own is None or (bool(hint.sites) and hint.sites is not None and hint.sites <= own)


@dataclass(frozen=True)
class SessionProof:
    """The desk's session: whoever may open the desk's pages."""

    key: str

    def listener(self) -> Listener | None:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.key)
        request.user = auth.get_user(request)
        return _listener(credentials.operator_of_user(request.user)) if desk.has_permission(request) else None


@dataclass(frozen=True)
class TokenProof:
    """An operator token's text."""

    text: str

    def listener(self) -> Listener | None:
        try:
            return _listener(credentials.authenticate_operator(self.text, now=datetime.now(UTC)))
        except (Unauthenticated, Suspended):
            return None


Proof = SessionProof | TokenProof


def _listener(principal: OperatorPrincipal) -> Listener:
    with tenancy.scope(principal.organization_ids):
        return Listener(principal, dict(Organization.objects.values_list("pk", "code")))


def prove(proofs: frozenset[Proof]) -> dict[Proof, Listener | None]:
    """Each credential once, however many sockets stand on it."""
    return {proof: proof.listener() for proof in proofs}
