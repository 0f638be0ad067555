"""Organizations and their sites."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import answers, reach, shapes
from console.api.calls import Call, etag_of, tagged
from console.api.documented import PAGED, documented
from doors import conditional, pagination
from edges import organizing
from edges.models import Organization, Site


def site_item(site: Site) -> dict[str, Any]:
    return {
        "code": site.code,
        "name": site.name,
        "time_zone": site.time_zone,
        "created_at": site.created_at,
    }


class Organizations(Call):
    @documented(
        "List your organizations",
        answers={200: answers.page_of(answers.OrganizationAnswer, "Organizations")},
        query=PAGED,
    )
    def get(self, request: Request) -> Response:
        return Response(
            pagination.page(Organization.objects.all(), self.query(request), order=("code",), item=self._item)
        )

    def _item(self, organization: Organization) -> dict[str, Any]:
        role = self.principal.role_of(organization.pk)
        return {
            "code": organization.code,
            "name": organization.name,
            "time_zone": organization.time_zone,
            "key_rotation_days": organization.key_rotation_days,
            "role": role and str(role),
        }


class Sites(Call):
    @documented(
        "List the sites of an organization",
        query=PAGED | {"text": "Part of the code or the name."},
        answers={200: answers.page_of(answers.SiteAnswer, "Sites")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, "text")
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = Site.objects.filter(organization=organization)
        if sites is not None:
            rows = rows.filter(pk__in=sites)
        if text := query.get("text"):
            rows = rows.filter(code__icontains=text) | rows.filter(name__icontains=text)
        return Response(pagination.page(rows, query, order=("code",), item=site_item))

    @documented("Add a site", body=shapes.NewSite, answers={201: answers.SiteAnswer})
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        body = self.body(shapes.NewSite)
        return self.once(lambda: self._add(organization, body))

    def _add(self, organization: Organization, body: dict[str, Any]) -> Response:
        site = organizing.create_site(organization_id=organization.pk, now=self.now, **body)
        return tagged(site_item(site), status=201)


class OneSite(Call):
    @documented("Read a site", answers={200: answers.SiteAnswer})
    def get(self, request: Request, org: str, site: str) -> Response:
        self.query(request)
        return tagged(site_item(reach.site(self.principal, org, site, "read")))

    @documented(
        "Change a site's name or time zone",
        body=shapes.SiteChange,
        answers={200: answers.SiteAnswer},
        matched=True,
    )
    def patch(self, request: Request, org: str, site: str) -> HttpResponseBase:
        self.query(request)
        found = reach.site(self.principal, org, site, "manage_edges")
        body = self.body(shapes.SiteChange)
        return self.once(lambda: self._change(found, body))

    def _change(self, site: Site, body: dict[str, Any]) -> Response:
        site = Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        conditional.require_match(self.request.headers.get("If-Match"), etag_of(site_item(site)))
        organizing.change_site(site=site, **body)
        return tagged(site_item(site))
