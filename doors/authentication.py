"""Who is asking: an edge by its key, a person by an operator token or by the browser session with CSRF.

Exactly one credential field may be there. A second one, even an empty one, is 401: two readers of the request
must not be able to choose differently.
"""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from doors import limits
from doors.problems import Refused
from edge_protocol.keys import EDGE_KEY
from edges import credentials
from edges.errors import Unauthenticated

FIELDS = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")
SCHEME = "bearer"


def presented(request: HttpRequest) -> str | None:
    """The one credential in the headers, or None when there is no credential field at all.

    Raises: Refused 401 for two fields, an unknown scheme or an empty credential.
    """
    fields = [name for name in FIELDS if name in request.META]
    if not fields:
        return None
    if len(fields) > 1:
        raise unauthenticated("Send one credential field, not two.")
    text = credential_of(fields[0], request.META[fields[0]])
    if not text:
        raise unauthenticated("Send `Authorization: Bearer <key>` or `X-API-Key: <key>`.")
    return text


def credential_of(field: str, value: str) -> str:
    """The key inside one header's value; empty when the scheme is not Bearer."""
    if field == "HTTP_X_API_KEY":
        return value.strip()
    scheme, _, text = value.strip().partition(" ")
    return text.strip() if scheme.lower() == SCHEME else ""


def unauthenticated(detail: str = "The credential is missing, unknown, expired or revoked.") -> Refused:
    return Refused(401, "unauthenticated", detail)


def failed(request: HttpRequest, detail: str = "The credential is unknown, expired or revoked.") -> Refused:
    """The refusal for a credential that did not hold: counted per address, so 429 takes over from 401."""
    limits.count("failed", limits.client_address(request))
    return unauthenticated(detail)


class EdgeKeyAuthentication(BaseAuthentication):
    """`request.user` becomes the EdgePrincipal, `request.auth` the key's id."""

    def authenticate(self, request: Request) -> tuple[Any, str]:
        text = presented(request._request)
        if text is None:
            raise unauthenticated()
        try:
            principal = credentials.authenticate_edge(text, now=datetime.now(UTC))
        except Unauthenticated as refused:
            raise failed(request._request) from refused
        return principal, principal.key_id

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer error="invalid_token"'


class OperatorTokenAuthentication(BaseAuthentication):
    """`request.user` becomes the OperatorPrincipal of an `emso_` token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = presented(request._request)
        if text is None:
            return None
        try:
            principal = credentials.authenticate_operator(text, now=datetime.now(UTC))
        except Unauthenticated as refused:
            raise failed(request._request) from refused
        return principal, principal.token_id

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer error="invalid_token"'


class EitherAuthentication(BaseAuthentication):
    """For the calls that take an edge's key or a person's credential: its first letters say which."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = presented(request._request)
        if text is None:
            return OperatorSessionAuthentication().authenticate(request)
        kind = EdgeKeyAuthentication if text.startswith(f"{EDGE_KEY}_") else OperatorTokenAuthentication
        return kind().authenticate(request)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer error="invalid_token"'


class OperatorSessionAuthentication(SessionAuthentication):
    """A signed-in person's browser. CSRF is checked for every unsafe method."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        signed_in = super().authenticate(request)
        if signed_in is None:
            return None
        principal = credentials.operator_of_user(signed_in[0])
        if principal.owes_second_factor:
            raise Refused(
                403,
                "second_factor_required",
                f"{principal.owes_second_factor[0]} asks its people for a second factor. Set yours up at "
                "/admin/second-factor/, then send this again.",
            )
        return principal, None
