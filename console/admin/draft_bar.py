"""The open drafts of a person as every page shows them, and putting steps into one."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from configs import drafting
from configs.changes import Actor, Change, Operation
from configs.drafting import Gathered
from console.admin.site import person
from console.admin.words import count
from console.api import reach
from doors.problems import Refused
from edges.models import Organization

MOST = 5


def draft_address(pk: Any) -> str:
    return reverse("admin:console_draft", args=[pk])


def bar(request: HttpRequest, organizations: Iterable[UUID] | None = None) -> list[dict[str, str]]:
    """One line a draft, in these organizations or in all of the person's. One query."""
    who = person(request)
    within = who.organization_ids if organizations is None else organizations
    return [
        {
            "text": f"{count(one.steps, 'change')} in your draft #{one.number}",
            "organization": one.organization,
            "address": draft_address(one.change_set_id),
        }
        for one in drafting.begun(who.user_id, list(within), most=MOST)
    ]


def put(
    request: HttpRequest,
    organization: Organization,
    operations: Sequence[Operation],
    *,
    selector: dict[str, Any] | None = None,
) -> str:
    """Steps into the person's draft; gives its address. Errors: PermissionDenied, as `drafting.gather`."""
    who = person(request)
    change = Change(reason="", operations=operations, selector=selector)
    try:
        reach.change(who, organization, "edit", wanted=change)
    except Refused as refused:
        raise PermissionDenied(refused.detail) from refused
    found = drafting.gather(
        organization_id=organization.pk,
        change=change,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
    )
    return told(request, found)


def told(request: HttpRequest, found: Gathered) -> str:
    """Say what the draft has by now; gives its address."""
    replaced = f" {count(found.replaced, 'older step')} gave way." if found.replaced else ""
    inside = f"In your draft #{found.number}, {count(found.steps, 'change')} by now"
    messages.success(request, f"{inside}; nothing is published yet.{replaced}")
    return draft_address(found.change_set_id)
