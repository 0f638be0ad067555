"""Rolling one edge back: what would be different from what it runs, before a person says yes."""

from collections.abc import Sequence
from typing import Any

from django import forms

from configs import history
from configs.models import Version
from configs.refusals import Refusal
from console.admin.edge_story import told
from edges.models import Edge

MOST_LEAVES = 50


def going_back(edge: Edge, versions: Sequence[Version], asked: str) -> dict[str, Any]:
    """The chosen version, else the one before the desired, beside what the edge runs.

    `versions`: the earlier ones. Two or three queries; none where there is nothing to go back to.
    """
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
    chosen = number or (versions[0].number if versions else None)
    running = _running(edge)
    if chosen is None or not running:
        return {}
    try:
        leaves = history.difference(edge=edge, one=running, other=chosen)["leaves"]
    except Refusal as refused:
        return {"back_to": {"number": chosen, "refused": refused.detail}}
    shown = {
        "number": chosen,
        "running": running,
        "leaves": told(leaves[:MOST_LEAVES]),
        "more": max(0, len(leaves) - MOST_LEAVES),
    }
    return {"back_to": shown}


def is_asked(form: forms.Form, context: dict[str, Any]) -> bool:
    """The person has yet to look at the difference of the version that they chose."""
    back_to = context.get("back_to")
    return back_to is not None and form.cleaned_data.get("seen") != back_to["number"]


def _running(edge: Edge) -> int | None:
    """What it said to run, else what it should run: then it has not said yet."""
    status, head = getattr(edge, "status", None), getattr(edge, "head", None)
    return (status and status.running_version) or (head and head.version)
