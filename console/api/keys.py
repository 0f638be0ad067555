"""How an edge comes to its key, and how a key ends."""

import secrets
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import answers, reach, shapes
from console.api.calls import Call, flag
from console.api.documented import documented
from console.enrolling import command
from edges import enrollment, keys
from edges.models import Edge, EdgeKey

DEFAULT_HOURS = 24


def key_item(key: EdgeKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "created_at": key.created_at,
        "first_used_at": key.first_used_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "revoked_by": key.revoked_by or None,
        "revoked_reason": key.revoked_reason or None,
        "pending": key.pending,
    }


class EnrollmentToken(Call):
    @documented(
        "Issue a single-use enrollment token",
        body=shapes.NewEnrollmentToken,
        answers={201: answers.EnrollmentTokenAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "manage_keys")
        hours = self.body(shapes.NewEnrollmentToken).get("ttl_hours", DEFAULT_HOURS)
        return self.once(lambda: self._issue(edge, hours), secret=True)

    def _issue(self, edge: Edge, hours: int) -> Response:
        token, expires_at = enrollment.issue_token(
            edge=edge,
            ttl_hours=hours,
            by=self.principal.username,
            now=self.now,
            random_bytes=secrets.token_bytes,
        )
        return Response(
            {"token": token, "expires_at": expires_at, "command": command(self.request, token)}, status=201
        )


class Keys(Call):
    @documented("List the keys of an edge", answers={200: answers.page_of(answers.KeyAnswer, "Keys")})
    def get(self, request: Request, edge_id: str) -> Response:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "read")
        return Response({"items": [key_item(key) for key in keys.listed(edge)], "next": None})


class OneKey(Call):
    @documented(
        "Revoke a key of an edge",
        query={"cut_off": "true to revoke the only live key, after which the edge cannot connect."},
        answers={200: answers.KeyAnswer},
    )
    def delete(self, request: Request, edge_id: str, key_id: str) -> HttpResponseBase:
        cut_off = flag(self.query(request, "cut_off"), "cut_off")
        edge = reach.edge(self.principal, edge_id, "manage_keys")
        if not EdgeKey.objects.filter(edge=edge, key_id=key_id).exists():
            reach.missing()
        return self.once(lambda: self._revoke(edge, key_id, cut_off))

    def _revoke(self, edge: Edge, key_id: str, cut_off: bool) -> Response:
        ended = keys.revoke(
            edge=edge,
            key_id=key_id,
            by=self.principal.username,
            reason="revoked by an operator",
            cut_off=cut_off,
            now=self.now,
        )
        return Response(key_item(ended))
