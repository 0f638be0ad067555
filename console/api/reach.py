"""Who reaches what. Foreign and unknown are one 404; what is theirs but beyond their role is 403."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from configs.changes import Address, Change
from configs.models import ChangeSet, Operation, Scope
from configs.rollouts.models import Rollout
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


def any_of(principal: OperatorPrincipal, code: str, act: Act) -> tuple[Organization, frozenset[UUID] | None]:
    """The organization, and the only sites in which the person may do `act` (None: all of them)."""
    found = Organization.objects.filter(code=code).first()
    if found is None:
        missing()
    if may(principal, act, found.pk, None):
        return found, None
    return found, sites_with(principal, found.pk, act) or forbidden(act)


def site(principal: OperatorPrincipal, organization_code: str, code: str, act: Act) -> Site:
    found = (
        Site.objects.select_related("organization")
        .filter(organization__code=organization_code, code=code)
        .first()
    )
    if found is None:
        missing()
    _require(principal, act, found.organization_id, found.pk)
    return found


def edge(principal: OperatorPrincipal, edge_id: str | UUID, act: Act, *, facts: bool = False) -> Edge:
    """The edge, by name or key (`facts`: with head and status), when the person may do `act` to it."""
    related = ("organization", "site", "head", "status") if facts else ("organization", "site")
    by = "pk" if isinstance(edge_id, UUID) else "edge_id"
    found = Edge.objects.select_related(*related).filter(**{by: edge_id}).first()
    if found is None:
        missing()
    _require(principal, act, found.organization_id, found.site_id)
    return found


def may(principal: OperatorPrincipal, act: Act, organization_id: UUID, site_id: UUID | None) -> bool:
    return roles.allows(principal.role_of(organization_id, site_id), act)


def _require(principal: OperatorPrincipal, act: Act, organization_id: UUID, site_id: UUID | None) -> None:
    """404 for what the person may not even read, 403 for what the role does not reach."""
    if may(principal, act, organization_id, site_id):
        return
    if site_id is not None and not may(principal, "read", organization_id, site_id):
        missing()
    forbidden(act)


def layer(
    principal: OperatorPrincipal, code: str, scope: str, target: str, act: Act
) -> tuple[Organization, Address]:
    """The layer's organization and its address, when the person may do `act` to all that it covers."""
    found = Organization.objects.filter(code=code).first()
    if found is None:
        missing()
    site_id = _site_of_layer(found, scope, target)
    if site_id is not None and not may(principal, "read", found.pk, site_id):
        missing()
    _require(principal, act, found.pk, site_id)
    return found, Address(scope, target)


def _site_of_layer(organization: Organization, scope: str, target: str) -> UUID | None:
    if scope == "organization" and target == organization.code:
        return None
    rows = {
        "site": Site.objects.filter(organization=organization, code=target).values_list("pk", flat=True),
        "edge": Edge.objects.filter(organization=organization, edge_id=target).values_list(
            "site_id", flat=True
        ),
    }
    return (rows[scope].first() if scope in rows else None) or missing()


def _needed(act: Act, operations: Iterable[str]) -> Act:
    """Retiring an edge ends its keys for ever: it takes the role that edges and keys take, not values."""
    return "manage_edges" if act != "read" and "retire" in operations else act


def change(principal: OperatorPrincipal, organization: Organization, act: Act, *, wanted: Change) -> None:
    """A person whose role covers only some sites may change only their layers and their edges."""
    act = _needed(act, (operation.op for operation in wanted.operations))
    if may(principal, act, organization.pk, None):
        return
    granted = sites_with(principal, organization.pk, act)
    if not granted:
        forbidden(act)
    codes = {operation.target for operation in wanted.operations if operation.scope == "site"}
    edge_ids = {operation.target for operation in wanted.operations if operation.scope == "edge"} - {""}
    edge_ids |= set(wanted.exclude)
    if any(operation.scope == "organization" for operation in wanted.operations):
        forbidden(act)
    if wanted.selector is not None:
        codes |= _selected_sites(wanted.selector) or forbidden(act)
    sites = Site.objects.filter(organization=organization, code__in=codes, pk__in=granted)
    edges = Edge.objects.filter(organization=organization, edge_id__in=edge_ids, site__in=granted)
    moved = {str(operation.value) for operation in wanted.operations if operation.op == "move"}
    if sites.count() < len(codes) or edges.count() < len(edge_ids) or moved - _codes(granted):
        forbidden(act)


def _codes(site_ids: frozenset[UUID]) -> set[str]:
    return set(Site.objects.filter(pk__in=site_ids).values_list("code", flat=True))


def _selected_sites(selector: Mapping[str, Any]) -> set[str]:
    """The sites that a selector names: without any it may reach beyond them."""
    return set(selector.get("sites") or ())


def sites_with(principal: OperatorPrincipal, organization_id: UUID, act: Act) -> frozenset[UUID]:
    return frozenset(
        grant.site_id
        for grant in principal.grants
        if grant.organization_id == organization_id and grant.site_id and roles.allows(grant.role, act)
    )


def change_set(principal: OperatorPrincipal, pk: UUID, act: Act) -> ChangeSet:
    """The change set, when the person may do `act` to everything that it touches."""
    found = ChangeSet.objects.select_related("organization").filter(pk=pk).first()
    if found is None:
        missing()
    require_change_set(principal, found, act)
    return found


def require_change_set(principal: OperatorPrincipal, found: ChangeSet, act: Act) -> None:
    """As `change_set`, of one that was read already."""
    act = _needed(act, Operation.objects.filter(change_set=found, op="retire").values_list("op", flat=True))
    if may(principal, act, found.organization_id, None):
        return
    if may(principal, "read", found.organization_id, None):
        forbidden(act)
    row = ChangeSet.objects.filter(pk=found.pk)
    if not change_sets_within(row, sites_with(principal, found.organization_id, "read")).exists():
        missing()
    if not change_sets_within(row, sites_with(principal, found.organization_id, act)).exists():
        forbidden(act)


def may_change_set(principal: OperatorPrincipal, found: ChangeSet, act: Act) -> bool:
    try:
        require_change_set(principal, found, act)
    except Refused:
        return False
    return True


def rollout(principal: OperatorPrincipal, pk: UUID, act: Act) -> Rollout:
    """The rollout, when the person may do `act` to everything that its change set touches."""
    found = Rollout.objects.select_related("change_set__organization").filter(pk=pk).first()
    if found is None:
        missing()
    require_change_set(principal, found.change_set, act)
    return found


def change_sets_within(rows: QuerySet[ChangeSet], sites: frozenset[UUID]) -> QuerySet[ChangeSet]:
    """Change sets all of whose operations stand in layers of these sites or of their edges."""
    same = {"organization_id": OuterRef("organization_id")}
    of_site = Exists(Site.objects.filter(code=OuterRef("target"), pk__in=sites, **same))
    of_edge = Exists(Edge.objects.filter(edge_id=OuterRef("target"), site__in=sites, **same))
    own = Q(of_site, scope=Scope.SITE) | Q(of_edge, scope=Scope.EDGE)
    operations = Operation.objects.filter(change_set=OuterRef("pk"))
    return rows.filter(Exists(operations), ~Exists(operations.exclude(own)))
