"""Somebody else published the layer while a person typed in its box: who, when, what, and the way on."""

from typing import Any

from configs import rebasing
from configs.changes import Address
from configs.rebasing import Moved
from configs.refusals import StaleLayer
from console.admin import edge_story
from console.admin.links import change_address
from edges.models import Organization

MOST_LEAVES = 50


def told(organization: Organization, address: Address, revision: int) -> dict[str, Any] | None:
    """None for a revision that the layer never had. A few queries, only where it moved."""
    try:
        found = rebasing.since(organization_id=organization.pk, address=address, revision=revision)
    except StaleLayer:
        return None
    return _shown(found, revision)


def _shown(found: Moved, revision: int) -> dict[str, Any]:
    return {
        "seen": revision,
        "newest": found.newest,
        "by": [
            {
                "author": one.author,
                "at": one.created_at,
                "number": one.change_set.number,
                "reason": one.change_set.reason,
                "address": change_address(one.change_set_id),
            }
            for one in found.by
        ],
        "leaves": edge_story.told(found.leaves[:MOST_LEAVES]),
        "more": max(0, len(found.leaves) - MOST_LEAVES),
    }
