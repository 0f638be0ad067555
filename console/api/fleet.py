"""How the edges of an organization are, as numbers."""

from rest_framework.request import Request
from rest_framework.response import Response

from console import fleet
from console.api import answers, reach
from console.api.calls import Call
from console.api.documented import documented
from edges.models import Edge
from monitoring import service_levels


class Fleet(Call):
    @documented(
        "Count the edges by status and version; the six service levels", answers={200: answers.AnyDocument}
    )
    def get(self, request: Request, org: str) -> Response:
        self.query(request)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = Edge.objects.filter(organization=organization)
        if sites is not None:
            rows = rows.filter(site__in=sites)
        counts = fleet.counted(rows, self.now).to_dict()
        # Service levels are the organization's: who sees only some sites would read others out of them.
        levels = None if sites is not None else service_levels.measured(organization.pk, self.now)
        return Response({"organization": organization.code, **counts, "service_levels": levels})
