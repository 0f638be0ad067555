"""The bases of every API view: one credential, one limit, one tenant scope, one shape of refusal."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from doors import limits, refusals
from doors.authentication import (
    EdgeKeyAuthentication,
    EitherAuthentication,
    OperatorSessionAuthentication,
    OperatorTokenAuthentication,
    unauthenticated,
)
from doors.bodies import OPERATOR_BYTES, StrictJSONParser, read_json
from doors.problems import Refused
from doors.rendering import JSONRenderer, OnlyJSON
from edges import keys, tenancy
from edges.credentials import EdgePrincipal, OperatorPrincipal


class Door(APIView):
    """Strict JSON in, JSON out, problems for refusals. `self.now` is the time of this request."""

    renderer_classes = [JSONRenderer]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = OnlyJSON
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    body_bytes = OPERATOR_BYTES
    now: datetime
    room: ExitStack
    scoped = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A scope that `see` opened closes with the answer; a refusal undoes what was written in it."""
        self.now = datetime.now(UTC)
        with ExitStack() as self.room:
            return super().dispatch(request, *args, **kwargs)

    def see(self, organization_ids: Iterable[UUID]) -> None:
        """From here to the answer, these organizations are visible, in one transaction."""
        self.room.enter_context(tenancy.scope(organization_ids))
        self.scoped = True

    def get_exception_handler(self) -> Any:
        return refusals.respond

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if self.scoped:
            transaction.set_rollback(True)
        return response

    def json(self, request: Request, *, required: bool = True) -> Any:
        """The body, parsed strictly; an absent one is malformed unless it is not `required` (then {})."""
        return read_json(request._request, max_bytes=self.body_bytes, required=required)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> Response:
        detail = f"{request.method} is not allowed on this path."
        raise Refused(405, detail=detail, headers={"Allow": ", ".join(self.allowed_methods)})

    def options(self, *_: Any, **__: Any) -> Response:
        """Says what is allowed and nothing else: DRF's own answer describes the code."""
        return Response(None, status=204, headers={"Allow": ", ".join(self.allowed_methods)})


class EdgeView(Door):
    """A call of an edge with its own key. `self.principal` is the edge."""

    authentication_classes = [EdgeKeyAuthentication]
    principal: EdgePrincipal

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.principal = cast(Any, request.user)
        admit_edge(self.principal, kwargs.get("edge_id"), self.now)


class OperatorView(Door):
    """A call of a person. `self.principal` is the operator; the organizations it may read are visible."""

    authentication_classes = [OperatorTokenAuthentication, OperatorSessionAuthentication]
    principal: OperatorPrincipal

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.successful_authenticator is None:
            raise unauthenticated()
        self.principal = cast(Any, request.user)
        admit_operator(self.principal, request, kwargs)
        self.see(self.principal.organization_ids)


class EitherView(Door):
    """A call of an edge about itself, or of a person."""

    authentication_classes = [EitherAuthentication]
    principal: EdgePrincipal | OperatorPrincipal

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.successful_authenticator is None:
            raise unauthenticated()
        self.principal = cast(Any, request.user)
        if isinstance(self.principal, EdgePrincipal):
            admit_edge(self.principal, kwargs.get("edge_id"), self.now)
        else:
            admit_operator(self.principal, request, kwargs)


def admit_edge(principal: EdgePrincipal, edge_id: str | None, now: datetime) -> None:
    """The path names the key's edge, the limits allow it, and the key's use is noted."""
    if edge_id is not None and edge_id != principal.edge_id:
        raise not_your_edge()
    limits.take(limits.edge_wanted(principal.key_id, principal.organization_id))
    keys.touch(principal=principal, now=now)


def admit_operator(principal: OperatorPrincipal, request: Request, arguments: dict[str, Any]) -> None:
    """The limits allow it, and nothing in the address is what PostgreSQL cannot even compare with."""
    limits.count("operator", f"{principal.user_id} {principal.token_id or 'session'}")
    if any("\0" in str(argument) for argument in arguments.values()):
        raise Refused(404)
    if any(
        "\0" in name or "\0" in value for name, values in request.query_params.lists() for value in values
    ):
        raise Refused(400, "bad_query", "The query holds a NUL character.")


def not_your_edge() -> Refused:
    """The same for an edge of somebody else and for one that does not exist."""
    return Refused(403, "wrong_edge", "This key is not the key of this edge.")
