"""The people of an organization: who may do what, who is invited, and whether all need a second factor."""

import secrets
from datetime import timedelta
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console import invitations
from console.api import answers, reach, shapes
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused
from edges import inviting, people, second_factor
from edges.models import Invitation, Membership, Organization, Site


def membership_item(membership: Membership, holders: set[int]) -> dict[str, Any]:
    return {
        "id": membership.pk,
        "username": membership.user.get_username(),
        "role": membership.role,
        "site": membership.site and membership.site.code,
        "since": membership.created_at,
        "second_factor": membership.user_id in holders,
        "last_sign_in_at": membership.user.last_login,
    }


def invitation_item(row: Invitation, now: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "email": row.email,
        "role": row.role,
        "site": row.site and row.site.code,
        "state": inviting.state(row, now=now),
        "created_by": row.created_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "accepted_by": row.accepted_by or None,
    }


class Memberships(Call):
    @documented(
        "List who may do what",
        query=PAGED,
        answers={200: answers.page_of(answers.MembershipAnswer, "Memberships")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request)
        organization = reach.organization(self.principal, org, "read")
        rows = Membership.objects.filter(organization=organization).select_related("user", "site")
        page = pagination.page(rows, query, order=("user__username", "id"), item=lambda row: row)
        holders = second_factor.holders({row.user_id for row in page["items"]})
        return Response(page | {"items": [membership_item(row, holders) for row in page["items"]]})


class OneMembership(Call):
    @documented("Change a person's role", body=shapes.RoleChange, answers={200: answers.MembershipAnswer})
    def patch(self, request: Request, org: str, membership: Any) -> HttpResponseBase:
        self.query(request)
        row = self._found(org, membership)
        role = self.body(shapes.RoleChange)["role"]
        return self.once(lambda: self._change(row, role))

    @documented("End a membership", answers={204: None})
    def delete(self, request: Request, org: str, membership: Any) -> HttpResponseBase:
        self.query(request)
        row = self._found(org, membership)
        return self.once(lambda: self._end(row))

    def _found(self, org: str, pk: Any) -> Membership:
        organization = reach.organization(self.principal, org, "manage_people")
        rows = Membership.objects.filter(organization=organization, pk=pk).select_related("user", "site")
        row: Membership = rows.first() or reach.missing()
        if row.user_id == self.principal.user_id:
            raise Refused(409, "own_membership", "Nobody changes or ends their own role: another owner does.")
        return row

    def _change(self, row: Membership, role: str) -> Response:
        by_role = self.principal.role_of(row.organization_id)
        changed = people.grant(
            user=row.user, organization_id=row.organization_id, role=role, site=row.site, by_role=by_role
        )
        return Response(membership_item(changed, second_factor.holders({row.user_id})))

    def _end(self, row: Membership) -> Response:
        people.withdraw(membership=row, now=self.now)
        return Response(None, status=204)


class Invitations(Call):
    @documented(
        "List the invitations of an organization",
        query=PAGED,
        answers={200: answers.page_of(answers.InvitationAnswer, "Invitations")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request)
        organization = reach.organization(self.principal, org, "manage_people")
        rows = Invitation.objects.filter(organization=organization).select_related("site")
        return Response(
            pagination.page(
                rows, query, order=("-created_at", "code_id"), item=lambda row: invitation_item(row, self.now)
            )
        )

    @documented(
        "Invite somebody by e-mail address",
        body=shapes.NewInvitation,
        answers={201: answers.NewInvitationAnswer},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_people")
        body = self.body(shapes.NewInvitation)
        return self.once(lambda: self._invite(organization, body), secret=True)

    def _invite(self, organization: Organization, body: dict[str, Any]) -> Response:
        site = None
        if "site" in body:
            site = (
                Site.objects.filter(organization=organization, code=body["site"]).first() or reach.missing()
            )
        made, code = inviting.invite(
            organization_id=organization.pk,
            email=body["email"],
            role=body["role"],
            site=site,
            by=self.principal.username,
            by_role=self.principal.role_of(organization.pk),
            lifetime=timedelta(days=body["ttl_days"]),
            now=self.now,
            random_bytes=secrets.token_bytes,
        )
        link = invitations.link(self.request._request, code)
        mailed = invitations.mail(made, link, organization.name)
        return Response({**invitation_item(made, self.now), "link": link, "mailed": mailed}, status=201)


class OneInvitation(Call):
    @documented("Revoke an invitation", answers={200: answers.InvitationAnswer})
    def delete(self, request: Request, org: str, invitation: Any) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_people")
        rows = Invitation.objects.filter(organization=organization, pk=invitation)
        row: Invitation = rows.first() or reach.missing()
        return self.once(lambda: self._revoke(row))

    def _revoke(self, row: Invitation) -> Response:
        ended = inviting.revoke(invitation=row, by=self.principal.username, now=self.now)
        return Response(invitation_item(ended, self.now))


class SecondFactor(Call):
    @documented("Read whether all people need a second factor", answers={200: answers.SecondFactorAnswer})
    def get(self, request: Request, org: str) -> Response:
        self.query(request)
        organization = reach.organization(self.principal, org, "read")
        return Response({"mandatory": organization.requires_second_factor})

    @documented(
        "Ask all people for a second factor",
        body=shapes.SecondFactorRequired,
        answers={200: answers.SecondFactorAnswer},
    )
    def put(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_people")
        is_required = self.body(shapes.SecondFactorRequired)["mandatory"]
        return self.once(lambda: self._require(organization, is_required=is_required))

    def _require(self, organization: Organization, *, is_required: bool) -> Response:
        row = second_factor.require(
            organization_id=organization.pk,
            is_required=is_required,
            by=self.principal.username,
            now=self.now,
        )
        return Response({"mandatory": row.requires_second_factor})
