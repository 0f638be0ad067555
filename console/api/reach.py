"""Who reaches what. Foreign and unknown are one 404; what is theirs but beyond their role is 403."""

from typing import Any, NoReturn

from doors.problems import Refused
from edges import roles
from edges.credentials import OperatorPrincipal
from edges.models import Edge, Organization, Site
from edges.roles import Act

NOTHING = "There is no such thing in your organizations."
BEYOND = "This is beyond your role here: it takes {act}."


def missing() -> NoReturn:
    raise Refused(404, "not_found", NOTHING)


def forbidden(act: Act) -> NoReturn:
    raise Refused(403, "forbidden", BEYOND.format(act=act))


def organization(principal: OperatorPrincipal, code: str, act: Act) -> Organization:
    """The organization with this code, when the person may do `act` in all of it."""
    found = Organization.objects.filter(code=code).first()
    if found is None:
        missing()
    _require(principal, act, found.pk, None)
    return found


def any_of(principal: OperatorPrincipal, code: str, act: Act) -> tuple[Organization, frozenset[Any] | None]:
    """The organization and the sites in which the person may do `act`: None means all of it."""
    found = Organization.objects.filter(code=code).first()
    if found is None:
        missing()
    if may(principal, act, found.pk, None):
        return found, None
    sites = frozenset(site for site in Site.objects.filter(organization=found).values_list("pk", flat=True)
                      if may(principal, act, found.pk, site))
    if not sites:
        forbidden(act)
    return found, sites


def site(principal: OperatorPrincipal, organization_code: str, code: str, act: Act) -> Site:
    found = Site.objects.select_related("organization").filter(
        organization__code=organization_code, code=code
    ).first()
    if found is None:
        missing()
    _require(principal, act, found.organization_id, found.pk)
    return found


def edge(principal: OperatorPrincipal, edge_id: str, act: Act) -> Edge:
    """The edge, with its site and organization, when the person may do `act` to it."""
    found = Edge.objects.select_related("organization", "site").filter(edge_id=edge_id).first()
    if found is None:
        missing()
    _require(principal, act, found.organization_id, found.site_id)
    return found


def may(principal: OperatorPrincipal, act: Act, organization_id: Any, site_id: Any) -> bool:
    return roles.allows(principal.role_of(organization_id, site_id), act)


def _require(principal: OperatorPrincipal, act: Act, organization_id: Any, site_id: Any) -> None:
    """404 for what the person may not even read, 403 for what the role does not reach."""
    if may(principal, act, organization_id, site_id):
        return
    if site_id is not None and not may(principal, "read", organization_id, site_id):
        missing()
    forbidden(act)
