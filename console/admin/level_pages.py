"""Service levels on the desk: the six metrics over a day, a week or a month, as charts and as a table."""

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_safe

from console.admin import clocks
from console.admin.scoping import granted
from console.admin.site import desk
from edges.models import Organization
from monitoring import sampling
from monitoring.service_levels import SHARE

# What is asked: its words, its length, and the length of one point.
SPANS = {
    "24h": ("24 hours", timedelta(hours=24), timedelta(minutes=15)),
    "7d": ("7 days", timedelta(days=7), timedelta(hours=2)),
    "30d": ("30 days", timedelta(days=30), timedelta(hours=8)),
}
_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "scales": {"x": {"ticks": {"maxTicksLimit": 6}, "grid": {}}, "y": {"grid": {}}},
}


@require_safe
def levels_page(request: HttpRequest) -> HttpResponseBase:
    now: datetime = request.now  # type: ignore[attr-defined]
    organizations = list(
        Organization.objects.filter(granted(request, "read", organization="pk", site="")).order_by("name")
    )
    chosen = next(
        (one for one in organizations if one.code == request.GET.get("organization")),
        organizations[0] if organizations else None,
    )
    asked = request.GET.get("span", "24h")
    span = asked if asked in SPANS else "24h"
    _, length, step = SPANS[span]
    levels = (
        []
        if chosen is None
        else sampling.series(chosen.pk, begin=now - length, end=now + timedelta(seconds=1), step=step)
    )
    context = {
        **desk.each_context(request),
        "title": "Service levels",
        "organizations": organizations,
        "chosen": chosen,
        "span": span,
        "spans": {name: words for name, (words, _, _) in SPANS.items()},
        "levels": [_shown(one, clocks.of(chosen.time_zone)) for one in levels] if chosen else [],
        "options": json.dumps(_OPTIONS),
    }
    return TemplateResponse(request, "console/levels.html", context)


def _shown(level: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    is_share = level["unit"] == SHARE
    points = [one for one in level["points"] if one["value"] is not None]
    last = points[-1]["value"] if points else None
    met = last is not None and (last >= level["target"] if is_share else last <= level["target"])
    return {
        "name": level["name"],
        "target": ("at least " if is_share else "at most ") + _said(level["target"], is_share=is_share),
        "now": "nothing measured" if last is None else _said(last, is_share=is_share),
        "tone": "" if last is None else "good" if met else "bad",
        "chart": json.dumps(_chart(level, points, zone, is_share=is_share)) if points else "",
        "points": [
            {"at": one["at"], "value": _said(one["value"], is_share=is_share), "counted": one["counted"]}
            for one in reversed(points)
        ],
    }


def _said(value: float, *, is_share: bool) -> str:
    return f"{value * 100:.4g} %" if is_share else f"{value:.4g} s"


def _chart(
    level: dict[str, Any], points: list[dict[str, Any]], zone: tzinfo, *, is_share: bool
) -> dict[str, Any]:
    factor = 100 if is_share else 1
    line = {"borderWidth": 2, "pointRadius": 0, "tension": 0}
    return {
        "labels": [f"{one['at'].astimezone(zone):%m-%d %H:%M}" for one in points],
        "datasets": [
            {
                "label": "%" if is_share else "seconds",
                "data": [round(one["value"] * factor, 4) for one in points],
                "borderColor": "var(--color-primary-600)",
                **line,
            },
            {
                "label": "target",
                "data": [level["target"] * factor] * len(points),
                "borderColor": "var(--color-base-400)",
                "borderDash": [6, 4],
                **line,
            },
        ],
    }


desk.pages += [path("service-levels/", desk.admin_view(levels_page), name="console_levels")]
