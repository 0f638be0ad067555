"""Service levels over time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rest_framework.request import Request
from rest_framework.response import Response

from console.api import alert_answers, reach
from console.api.calls import Call
from console.api.documented import documented
from doors.problems import Refused
from edge_protocol.instants import parse_instant
from monitoring import sampling

QUERY = {
    "from": "The beginning, as 2026-01-31T00:00:00Z; a day before the end when absent.",
    "to": "The end, now when absent.",
    "step": "Seconds a point, 300 or more; at most 1,000 points.",
}
MOST_POINTS = 1000


class Levels(Call):
    @documented("Read the service levels over time", query=QUERY, answers={200: alert_answers.ServiceLevels})
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *QUERY)
        organization = reach.organization(self.principal, org, "read")
        begin, end, step = span(query, self.now)
        levels = sampling.series(organization.pk, begin=begin, end=end, step=step)
        told = {"organization": organization.code, "step": int(step.total_seconds()), "levels": levels}
        return Response(told)


def span(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime, timedelta]:
    """Begin, end and step. Raises: Refused 400 `bad_query`."""
    end = _instant(query, "to") or now
    begin = _instant(query, "from") or end - timedelta(days=1)
    text = query.get("step", "300")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) >= 300):
        raise Refused(400, "bad_query", "step is a whole number of seconds, 300 or more.")
    step = timedelta(seconds=int(text))
    if not begin < end:
        raise Refused(400, "bad_query", "from is not before to.")
    if (end - begin) / step > MOST_POINTS:
        raise Refused(400, "bad_query", f"That is more than {MOST_POINTS} points: take a larger step.")
    return begin, end, step


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        return parse_instant(query[name])
    except ValueError as wrong:
        raise Refused(400, "bad_query", f"{name} is a time like 2026-01-31T00:00:00Z.") from wrong
