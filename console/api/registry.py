"""Device profiles: what a `profile` in a document may name."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from configs.models import DeviceProfile
from console.api import answers, reach
from console.api.calls import Call
from console.api.documented import PAGED, documented
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
