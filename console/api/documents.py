"""What an edge should run and why, what it ran, and how that came about."""

from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response

from configs import history
from configs.models import Version
from console.api import answers, reach
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused


def version_item(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "epoch": version.epoch,
        "kind": version.kind,
        "content_of": version.content_of,
        "digest": version.digest,
        "sections": version.sections,
        "timestamp": version.timestamp,
        "issued_at": version.issued_at,
        "change_set": version.change_set_id,
    }


class Effective(Call):
    @documented(
        "Read an edge's merged document and where each value comes from", answers={200: answers.AnyDocument}
    )
    def get(self, request: Request, edge_id: str) -> Response:
        self.query(request)
        return Response(history.effective(edge=reach.edge(self.principal, edge_id, "read")))


class Versions(Call):
    @documented(
        "List the versions of an edge",
        query=PAGED,
        answers={200: answers.page_of(answers.VersionAnswer, "Versions")},
    )
    def get(self, request: Request, edge_id: str) -> Response:
        query = self.query(request)
        edge = reach.edge(self.principal, edge_id, "read")
        rows = Version.objects.filter(edge=edge).defer("envelope")
        return Response(pagination.page(rows, query, order=("-number",), item=version_item))


class OneVersion(Call):
    @documented("Read a version: its document with its manifest", answers={200: answers.AnyDocument})
    def get(self, request: Request, edge_id: str, number: int) -> Response:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "read")
        return Response(history.version(edge=edge, number=number))


class Difference(Call):
    @documented("Compare two versions of an edge", answers={200: answers.AnyDocument})
    def get(self, request: Request, edge_id: str, one: int, other: int) -> Response:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "read")
        return Response(history.difference(edge=edge, one=one, other=other))


class History(Call):
    @documented(
        "List every operation that touched a path of an edge's document",
        query=PAGED | {"path": "An identity pointer, such as /alarms/alarm_soc_low/threshold."},
        answers={200: answers.StepsPage},
    )
    def get(self, request: Request, edge_id: str) -> Response:
        query = self.query(request, "path")
        edge = reach.edge(self.principal, edge_id, "read")
        if "path" not in query:
            raise Refused(400, "bad_query", "Say which path: ?path=/core_cycle/period_ms.")
        rows = history.of_path(edge=edge, path=query["path"])
        return Response(pagination.page(rows, query, order=history.NEWEST_FIRST, item=history.step))


class Running(Call):
    @documented(
        "Say what an edge ran at a time",
        query={"at": "RFC 3339, such as 2026-02-15T10:30:00Z; now when absent."},
        answers={200: answers.AnyDocument},
    )
    def get(self, request: Request, edge_id: str) -> Response:
        query = self.query(request, "at")
        edge = reach.edge(self.principal, edge_id, "read")
        at = _instant(query["at"]) if "at" in query else self.now
        return Response(history.running_at(edge=edge, at=at))


def _instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(400, "bad_query", "at is a time with its zone, such as 2026-02-15T10:30:00Z.")
    return found.astimezone(UTC)
