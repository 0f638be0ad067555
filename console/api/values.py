"""One path across an organization: the values that its edges should run, and every step that touched it."""

from rest_framework.request import Request
from rest_framework.response import Response

from configs import history, valuing
from console.api import answers, reach
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused

PATH = {"path": "An identity pointer, such as /core_cycle/period_ms."}


def asked_path(query: dict[str, str]) -> str:
    """Raises: Refused 400 `bad_query`."""
    if not query.get("path"):
        raise Refused(400, "bad_query", "Say which path: ?path=/core_cycle/period_ms.")
    return query["path"]


class Values(Call):
    @documented(
        "Count the values of a path over an organization's edges",
        query=PATH,
        answers={200: answers.ValuesAnswer},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *PATH)
        organization, sites = reach.any_of(self.principal, org, "read")
        found = valuing.across(organization_id=organization.pk, path=asked_path(query), sites=sites)
        groups = [group.to_dict() for group in found.groups]
        return Response({"path": found.path, "unpublished": found.unpublished, "values": groups})


class PathHistory(Call):
    @documented(
        "List every operation that touched a path in an organization's layers",
        query=PAGED | PATH,
        answers={200: answers.StepsPage},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *PATH)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = history.steps(organization_id=organization.pk, path=asked_path(query), sites=sites)
        return Response(pagination.page(rows, query, order=history.NEWEST_FIRST, item=history.step))
