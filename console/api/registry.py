"""Device profiles: what a `profile` in a document may name, and which revision of them edges have."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import signing, updating
from configs.models import DeviceProfile
from console.api import answers, reach, shapes
from console.api.calls import Call
from console.api.documented import DRY_RUN, PAGED, documented
from doors import pagination


def profile_item(profile: DeviceProfile) -> dict[str, Any]:
    body = profile.body
    shown = {name: body.get(name) for name in ("vendor", "model", "role", "protocols", "notes")}
    return {"profile_id": profile.name, "version": profile.version, **shown}


class Profiles(Call):
    @documented(
        "List the device profiles",
        query=PAGED,
        answers={200: answers.page_of(answers.ProfileAnswer, "Profiles")},
    )
    def get(self, request: Request) -> Response:
        rows = DeviceProfile.objects.all()
        return Response(pagination.page(rows, self.query(request), order=("name",), item=profile_item))


class OneProfile(Call):
    @documented("Read a device profile with its points", answers={200: answers.ProfileAnswer})
    def get(self, request: Request, profile: str) -> Response:
        self.query(request)
        found = DeviceProfile.objects.filter(name=profile).first()
        if found is None:
            reach.missing()
        return Response(found.body)


class ProfileRegistry(Call):
    @documented(
        "Say which revisions of the device profiles edges have, and what the newest would bring",
        answers={200: answers.RegistryAnswer},
    )
    def get(self, request: Request, org: str) -> Response:
        self.query(request)
        organization = reach.organization(self.principal, org, "read")
        found = updating.standing(organization_id=organization.pk)
        return Response({"revisions": [one.to_dict() for one in found]})


class AdoptProfiles(Call):
    @documented(
        "Publish a revision of the device profiles to edges",
        body=shapes.AdoptingProfiles,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        organization = reach.organization(self.principal, org, "manage_edges")
        body = self.body(shapes.AdoptingProfiles)
        meant: dict[str, Any] = {
            "organization_id": organization.pk,
            "revision": body.get("revision"),
            "edges": body.get("edges"),
            "now": self.now,
        }
        return self.publishing(
            query,
            lambda: updating.publish_profiles(
                **meant,
                reason=body["reason"],
                actor=self.actor(),
                signer=signing.signer(),
                preview_digest=body.get("preview_digest"),
            ),
            preview=lambda: updating.preview_profiles(**meant),
        )
