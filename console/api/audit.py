"""Who did what in an organization, and the same for an auditor."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from configs import signing
from configs.audit import exporting, trail
from configs.audit.trail import Row, Wanted
from console.api import answers, reach, shapes
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused

FILTERS = {
    "what": "The word for the act, such as change_published or signed_in.",
    "by": "Who did it, exactly.",
    "text": "Part of what it was about, or of its detail.",
    "since": "Not before this instant, such as 2026-01-31T00:00:00Z.",
    "until": "Before this instant.",
}


def row_item(row: Row) -> dict[str, Any]:
    return {
        "at": row.at,
        "what": row.what,
        "by": row.by or None,
        "about": row.about,
        "detail": row.detail,
        "id": row.id,
    }


class Audit(Call):
    @documented(
        "List who did what in an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(answers.AuditAnswer, "AuditRows")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization = reach.organization(self.principal, org, "manage_tokens")
        wanted = Wanted(
            what=query.get("what", ""),
            by=query.get("by", ""),
            text=query.get("text", ""),
            since=instant(query, "since"),
            until=instant(query, "until"),
        )
        limit = pagination.limit_of(query.get("limit"))
        after = _place(query["cursor"]) if query.get("cursor") else None
        rows = trail.page(organization_id=organization.pk, wanted=wanted, most=limit + 1, after=after)
        last = rows[limit - 1] if len(rows) > limit else None
        return Response(
            {
                "items": [row_item(row) for row in rows[:limit]],
                "next": last and pagination.encode([last.at.isoformat(), last.id]),
            }
        )


class AuditExport(Call):
    @documented(
        "Export the audit trail for an auditor",
        body=shapes.AuditPeriod,
        answers={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_tokens")
        body = self.body(shapes.AuditPeriod)
        made = exporting.export(
            organization=organization,
            since=body.get("since"),
            until=body.get("until"),
            by=self.principal.username,
            now=self.now,
            signer=signing.signer(),
        )
        return download(made, organization.code, self.now)


def download(made: bytes, code: str, now: datetime) -> HttpResponse:
    name = f"audit-{code}-{now:%Y%m%dT%H%M%SZ}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(made, content_type="application/zip", headers=headers)


def instant(query: dict[str, str], name: str) -> datetime | None:
    """Raises: Refused 400 `bad_query` for what is no instant with its time zone."""
    if name not in query:
        return None
    try:
        found = parse_datetime(query[name].replace(" ", "+"))  # a + in an address reads as a space
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(400, "bad_query", f"{name} is an instant, such as 2026-01-31T00:00:00Z.")
    return found


def _place(cursor: str) -> tuple[datetime, str]:
    at, key = pagination.decode(cursor, 2)
    try:
        found = datetime.fromisoformat(at)
    except (TypeError, ValueError) as broken:
        raise Refused(400, "bad_cursor", "The cursor is none that this list gave out.") from broken
    if found.tzinfo is None or not isinstance(key, str):
        raise Refused(400, "bad_cursor", "The cursor is none that this list gave out.")
    return found, key
