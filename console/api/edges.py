"""The edges of an organization: list, create, read, rename; the three facts of one."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import adopting, signing
from console.api import answers, reach, shapes
from console.api.calls import Call, etag_of, tagged, whole
from console.api.documented import PAGED, documented
from console.api.organizations import taken
from doors import conditional, pagination
from doors.problems import Refused
from edges import organizing, words
from edges.models import Edge, Organization, Site, Stage

FILTERS = {
    "site": "Code of a site.",
    "tag": "A tag that the edge carries.",
    "status": "The headline word, such as in_sync or failed.",
    "version": "The version that the edge runs.",
    "text": "Part of the edge's id or name.",
}


def edge_item(edge: Edge, now: datetime) -> dict[str, Any]:
    said = words.describe(edge, now=now)
    head, status = getattr(edge, "head", None), getattr(edge, "status", None)
    return {
        "edge_id": edge.edge_id,
        "edge_uid": edge.pk,
        "organization": edge.organization.code,
        "site": edge.site.code,
        "name": edge.name,
        "tags": edge.tags,
        "stage": edge.stage,
        "created_at": edge.created_at,
        "retired_at": edge.retired_at,
        "link": said.link,
        "configuration": said.configuration,
        "headline": said.headline,
        "desired_version": head and head.version,
        "running_version": status and status.running_version,
    }


def with_facts(rows: QuerySet[Edge]) -> QuerySet[Edge]:
    return rows.select_related("organization", "site", "head", "status")
