"""Layers out of and into an organization as a file; one edge's values to others; many edges at once."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import adopting, changesets, copying, publishing, signing, transferring
from configs.changes import Address, Change
from configs.transferring import Given
from console import enrolling
from console.api import answers, reach, shapes
from console.api.calls import Call, flag
from console.api.documented import DRY_RUN, documented
from edges.models import Organization
from edges.organizing import NewEdge
from edges.roles import Act


class Making(Call):
    """A call that makes a change set out of something else: previewed, drafted or published."""

    def made(
        self,
        organization: Organization,
        change: Change,
        body: dict[str, Any],
        *,
        dry_run: bool,
        revisions: Any = None,
        more: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        act: Act = "publish" if body["publish"] and not dry_run else "edit"
        reach.change(self.principal, organization, act, wanted=change)
        beside = more or {}
        if dry_run:
            preview = publishing.preview(organization_id=organization.pk, change=change, now=self.now)
            return Response(preview.to_dict() | beside)
        shared: dict[str, Any] = {
            "organization_id": organization.pk,
            "change": change,
            "actor": self.actor(),
            "now": self.now,
            "preview_digest": body.get("preview_digest"),
        }

        def act_once() -> Response:
            if body["publish"]:
                done = publishing.publish(**shared, signer=signing.signer(), expected_revisions=revisions)
                return Response(done.to_dict() | beside, status=201)
            return Response(changesets.create_draft(**shared).to_dict() | beside, status=201)

        return self.once(act_once)


class Export(Call):
    @documented("Export the layers of an organization", answers={200: answers.AnyDocument})
    def get(self, request: Request, org: str) -> Response:
        self.query(request)
        organization, sites = reach.any_of(self.principal, org, "read")
        found = transferring.exported(organization=organization, sites=sites, now=self.now)
        name = f'attachment; filename="{organization.code}-layers-{self.now:%Y-%m-%d}.json"'
        return Response(found, headers={"Content-Disposition": name})


class Import(Making):
    @documented(
        "Import layers into an organization",
        query=DRY_RUN,
        body=shapes.Importing,
        answers={200: answers.ImportAnswer, 201: answers.ImportAnswer},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        dry_run = flag(self.query(request, *DRY_RUN), "dry_run")
        organization, _ = reach.any_of(self.principal, org, "edit")
        body = self.body(shapes.Importing)
        found = transferring.importing(
            organization=organization,
            given=[
                Given(Address(one["scope"], one["target"]), one["body"], one.get("revision"))
                for one in body["layers"]
            ],
            reason=body["reason"],
            source=body.get("organization"),
            skip_unknown=body["skip_unknown"],
            overwrite=body["overwrite"],
        )
        return self.made(
            organization,
            found.change,
            body,
            dry_run=dry_run,
            revisions=found.revisions,
            more={"skipped": [address.to_dict() for address in found.skipped]},
        )


class CopyOverrides(Making):
    @documented(
        "Copy an edge's own values to other edges",
        query=DRY_RUN,
        body=shapes.Copying,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        dry_run = flag(self.query(request, *DRY_RUN), "dry_run")
        edge = reach.edge(self.principal, edge_id, "edit")
        body = self.body(shapes.Copying)
        change = copying.copying(
            edge=edge, selector=body["selector"], paths=body.get("paths", ()), reason=body["reason"]
        )
        return self.made(edge.organization, change, body, dry_run=dry_run)


class BulkEdges(Call):
    @documented(
        "Add many edges with an enrollment token each",
        body=shapes.BulkEdges,
        answers={201: answers.LabelsAnswer},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        reach.organization(self.principal, org, "manage_keys")
        body = self.body(shapes.BulkEdges)
        return self.once(lambda: self._add(organization, body), secret=True)

    def _add(self, organization: Organization, body: dict[str, Any]) -> Response:
        made = adopting.create_edges(
            organization_id=organization.pk,
            rows=[NewEdge(**row) for row in body["edges"]],
            actor=self.actor(),
            now=self.now,
            signer=signing.signer(),
        )
        labels = enrolling.labels(
            self.request, made, ttl_hours=body["ttl_hours"], by=self.principal.username, now=self.now
        )
        return Response({"edges": [label.to_dict() for label in labels]}, status=201)
