"""From the preview of a layer to a rollout: a draft of the same steps, let out wave by wave at once."""

from collections.abc import Sequence

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase

from configs import changesets, layers
from configs.changes import Actor, Address, Change, Operation
from configs.rollouts import starting
from configs.rollouts.policies import NORMAL, Wish
from console.admin import rollout_pages
from console.admin.site import person
from edges.models import Organization


def begin(
    request: HttpRequest,
    organization: Organization,
    address: Address,
    steps: Sequence[Operation],
    *,
    revision: int,
    reason: str,
    digest: str,
) -> HttpResponseBase:
    """Errors: as `starting.start`, and StaleLayer. Nothing is left behind then, also no draft."""
    who = person(request)
    actor = Actor(who.username, who.user_id)
    now = request.now  # type: ignore[attr-defined]
    with transaction.atomic():
        layers.at(organization.pk, address, revision)
        draft = changesets.create_draft(
            organization_id=organization.pk,
            change=Change(reason=reason, operations=steps),
            actor=actor,
            now=now,
            preview_digest=digest,
        )
        rollout = starting.start(
            organization_id=organization.pk,
            change_set_id=draft.change_set_id,
            wish=Wish(preset=NORMAL),
            actor=actor,
            now=now,
            preview_digest=digest,
        )
    messages.success(request, "The rollout has begun. Its first wave opens within seconds.")
    return HttpResponseRedirect(rollout_pages.address(rollout.pk))
