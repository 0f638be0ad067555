"""Which edges of an organization are held, by whom, why, and until when that was to be looked at."""

from rest_framework.request import Request
from rest_framework.response import Response

from configs.models import Hold
from console.api import answers, reach, timed_answers
from console.api.calls import Call, flag
from console.api.documented import PAGED, documented
from doors import pagination

FILTERS = {"overdue": "true: only those whose review date is past."}


class Holds(Call):
    @documented(
        "List the held edges of an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(timed_answers.HeldEdge, "Holds")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = Hold.objects.filter(organization=organization, released_at=None)
        rows = rows.select_related("edge__site")
        if sites is not None:
            rows = rows.filter(edge__site__in=sites)
        if flag(query, "overdue"):
            rows = rows.filter(review_at__lt=self.now)
        return Response(pagination.page(rows, query, order=("created_at", "id"), item=self._item))

    def _item(self, row: Hold) -> dict[str, object]:
        return timed_answers.held_item(row, row.review_at is not None and row.review_at < self.now)
