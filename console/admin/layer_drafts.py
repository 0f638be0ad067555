"""From the JSON box to the person's draft: what differs from the layer becomes steps of it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase

from configs import layers
from configs.changes import Actor, Address
from console.admin import draft_bar
from console.admin.site import person
from edges.models import Organization

MOVED = (
    "The layer {address} is at revision {newest} by now; you began at {seen}. Your changes are in the draft, "
    "on top of the newest; where others changed the same, it is told below."
)
KEPT = (
    " Nothing that you typed is lost: put it into your draft, which sets it on top of the newest layer and "
    "tells where others changed the same."
)


def put(
    request: HttpRequest,
    organization: Organization,
    address: Address,
    body: dict[str, Any],
    *,
    revision: int,
    reason: str,
) -> HttpResponseBase:
    """Errors: as `layers.into_draft`. Nothing is changed then, also no draft."""
    who = person(request)
    found = layers.into_draft(
        organization_id=organization.pk,
        address=address,
        body=body,
        revision=revision,
        reason=reason,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
    )
    newest = layers.read(organization.pk, address).number
    if newest != revision:
        messages.warning(request, MOVED.format(address=address, newest=newest, seen=revision))
    return HttpResponseRedirect(draft_bar.told(request, found))
