"""Tokens for programs: issued by an administrator, never stronger or longer-lived than their maker."""

import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import answers, reach, shapes
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused
from edges import operator_tokens, roles
from edges.models import OperatorToken, Organization, Site


def token_item(token: OperatorToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "token_id": token.token_id,
        "name": token.name,
        "username": token.user.get_username(),
        "role": token.role,
        "site": token.site and token.site.code,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


class Tokens(Call):
    @documented(
        "List the operator tokens of an organization",
        query=PAGED,
        answers={200: answers.page_of(answers.TokenAnswer, "Tokens")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request)
        organization = reach.organization(self.principal, org, "manage_tokens")
        rows = OperatorToken.objects.filter(organization=organization).select_related("user", "site")
        return Response(pagination.page(rows, query, order=("-created_at", "token_id"), item=token_item))

    @documented("Issue an operator token", body=shapes.NewToken, answers={201: answers.NewTokenAnswer})
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_tokens")
        body = self.body(shapes.NewToken)
        own = self.principal.role_of(organization.pk)
        if own is None or roles.lesser(own, body["role"]) != body["role"]:
            raise Refused(403, "forbidden", "A token cannot do more than you can here.")
        return self.once(lambda: self._issue(organization, body), secret=True)

    def _issue(self, organization: Organization, body: dict[str, Any]) -> Response:
        site = None
        if "site" in body:
            site = (
                Site.objects.filter(organization=organization, code=body["site"]).first() or reach.missing()
            )
        token, text = operator_tokens.issue(
            user=get_user_model().objects.get(pk=self.principal.user_id),
            organization_id=organization.pk,
            name=body["name"],
            role=body["role"],
            site=site,
            lifetime=self._lifetime(body["ttl_days"]),
            now=self.now,
            random_bytes=secrets.token_bytes,
        )
        return Response({"token": text, **token_item(token)}, status=201)

    def _lifetime(self, days: int) -> timedelta:
        """A token that leaked must not be able to outlive its own end by making others."""
        asked = timedelta(days=days)
        if self.principal.token_id is None:
            return asked
        maker = OperatorToken.objects.get(token_id=self.principal.token_id)
        return min(asked, maker.expires_at - self.now)


class OneToken(Call):
    @documented("Revoke an operator token", answers={200: answers.TokenAnswer})
    def delete(self, request: Request, org: str, token_id: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_tokens")
        rows = OperatorToken.objects.filter(organization=organization, token_id=token_id)
        if not rows.exists():
            reach.missing()
        return self.once(lambda: self._revoke(token_id))

    def _revoke(self, token_id: str) -> Response:
        operator_tokens.revoke(token_id=token_id, by=self.principal.username, now=self.now)
        return Response(
            token_item(OperatorToken.objects.select_related("user", "site").get(token_id=token_id))
        )
