"""What a change set would do, told as the desk tells it: differences, times, the left out, others' steps."""

from typing import Any
from uuid import UUID

from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from configs import forecasting
from configs.forecasting import Difference, Forecast
from configs.models import State
from console.api import reach
from console.api.answers import ChangeWarning
from console.api.calls import Call
from console.api.documented import documented
from edge_protocol.layout import SECTIONS
from edge_protocol.pointers import MISSING


class LeafAnswer(s.Serializer[Any]):
    path = s.CharField()
    before = s.JSONField(required=False, help_text="Absent: there was none")
    after = s.JSONField(required=False, help_text="Absent: there will be none")


class DifferenceAnswer(s.Serializer[Any]):
    edges = s.ListField(child=s.CharField(), help_text="For which exactly these values change")
    sites = s.ListField(child=s.CharField())
    sections = s.ListField(child=s.CharField())
    leaves = LeafAnswer(many=True, allow_null=True, help_text="null: too many kinds to tell each apart")


class TimeAnswer(s.Serializer[Any]):
    mode = s.CharField(help_text="When a version takes effect: the strictest of its changed sections")
    window_start = s.CharField(allow_null=True, help_text="Site time")
    edges = s.IntegerField()


class ForecastAnswer(s.Serializer[Any]):
    does = s.ChoiceField(["publish", "revert"], help_text="What was worked out: publishing, or undoing it")
    preview_digest = s.CharField()
    fleet = s.IntegerField(help_text="Edges of the organization")
    affected = s.IntegerField()
    changes_layers = s.BooleanField()
    can_be_let_out = s.BooleanField(help_text="Wave by wave")
    differences = DifferenceAnswer(many=True, help_text="The largest group first")
    times = TimeAnswer(many=True)
    unaffected = s.DictField(child=s.ListField(child=s.CharField()), help_text="Edges by the reason why not")
    touched = s.ListField(child=s.DictField(), help_text="What others changed at its paths since")
    warnings = ChangeWarning(many=True)


class ForecastOf(Call):
    @documented(
        "Work out what publishing a draft, or undoing a published change set, would do now",
        answers={200: ForecastAnswer},
    )
    def get(self, request: Request, change_set: UUID) -> Response:
        self.query(request)
        found = reach.change_set(self.principal, change_set, "read")
        which: dict[str, Any] = {"organization_id": found.organization_id, "change_set_id": found.pk}
        undoes = found.state == State.PUBLISHED
        work_out = forecasting.of_revert if undoes else forecasting.of_draft
        return Response(item(work_out(**which, now=self.now), does="revert" if undoes else "publish"))


def item(found: Forecast, *, does: str) -> dict[str, Any]:
    times = sorted(found.times.items(), key=lambda entry: (-entry[1], entry[0]))
    return {
        "does": does,
        "preview_digest": found.preview.preview_digest,
        "fleet": found.fleet,
        "affected": len(found.preview.affected),
        "changes_layers": found.changes_layers,
        "can_be_let_out": found.can_be_let_out,
        "differences": [_difference(one) for one in found.differences],
        "times": [
            {"mode": mode, "window_start": start or None, "edges": number} for (mode, start), number in times
        ],
        "unaffected": found.left_out,
        "touched": found.touched,
        "warnings": [one.to_dict() for one in found.preview.warnings],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "edges": [place.edge_id for place in one.edges],
        "sites": sorted({place.site for place in one.edges}),
        "sections": [name for name in SECTIONS if name in one.sections],
        "leaves": None if one.leaves is None else [_leaf(leaf) for leaf in one.leaves],
    }


def _leaf(one: forecasting.Leaf) -> dict[str, Any]:
    values = {"before": one.before, "after": one.after}
    return {"path": one.path} | {name: value for name, value in values.items() if value is not MISSING}
