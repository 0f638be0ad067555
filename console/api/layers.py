"""A layer as a whole: read it with its tag, put another in its place."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import layers, signing
from configs.changes import Address
from configs.refusals import StaleLayer
from console.api import answers, reach
from console.api.calls import Call, flag
from console.api.documented import documented
from doors import conditional
from edges.models import Organization

PUT = {
    "reason": "Why the layer changes; history shows it.",
    "dry_run": "true answers what would happen and changes nothing.",
}


class Layer(Call):
    @documented("Read a layer: the bare partial document", answers={200: answers.AnyDocument})
    def get(self, request: Request, org: str, scope: str, target: str) -> Response:
        self.query(request)
        organization, address = reach.layer(self.principal, org, scope, target, "read")
        state = layers.read(organization.pk, address)
        return Response(state.body, headers={"ETag": tag(state.number)})

    @documented(
        "Publish a layer in place of the present one",
        query=PUT,
        body=answers.AnyDocument,
        answers={200: answers.ChangeAnswer},
        matched=True,
    )
    def put(self, request: Request, org: str, scope: str, target: str) -> HttpResponseBase:
        query = self.query(request, *PUT)
        organization, address = reach.layer(self.principal, org, scope, target, "publish")
        body = self.document(request)
        return self.once(lambda: self._put(organization, address, body, query))

    def _put(
        self, organization: Organization, address: Address, body: dict[str, Any], query: dict[str, str]
    ) -> Response:
        named = self.request.headers.get("If-Match")
        state = layers.read(organization.pk, address)
        conditional.require_match(named, tag(state.number))
        try:
            answer = layers.put(
                organization_id=organization.pk,
                address=address,
                body=body,
                revision=state.number,
                reason=query.get("reason", ""),
                actor=self.actor(),
                now=self.now,
                signer=signing.signer(),
                dry_run=flag(query, "dry_run"),
            )
        except StaleLayer as moved:  # between our reading and the lock
            conditional.require_match(named, moved.extra["etag"])
            raise
        return Response(answer.to_dict(), headers={"ETag": tag(layers.read(organization.pk, address).number)})


def tag(revision: int) -> str:
    return f'"{revision}"'
