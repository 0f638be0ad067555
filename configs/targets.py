"""From the codes and selectors of an intent to the rows they mean, once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from configs.changes import Address, Change, Operation
from configs.models import Scope
from configs.refusals import ChangeError, ChangeRefused
from edges import words
from edges.models import Edge, Organization, Site, Stage


@dataclass(frozen=True, slots=True)
class Targets:
    """`operations` each name their target; `sites` and `edges` hold every row that they name."""

    organization_id: UUID
    code: str
    operations: tuple[Operation, ...]
    sites: Mapping[str, UUID]
    edges: Mapping[str, UUID]
    edge_sites: Mapping[str, UUID]
    excluded: frozenset[str]

    def site_id(self, address: Address) -> UUID | None:
        return self.sites[address.target] if address.scope == Scope.SITE else None

    def edge_uid(self, address: Address) -> UUID | None:
        return self.edges[address.target] if address.scope == Scope.EDGE else None


def find(organization: Organization, change: Change, *, now: datetime) -> Targets:
    """The rows of an intent. At most five queries. Errors: ChangeRefused naming what does not exist."""
    operations = tuple(change.operations)
    excluded = frozenset(change.exclude)
    if change.selector is not None:
        slips = unknown(organization.pk, change.selector)
        if slips:
            details = [f"there is no {kind} {name!r} here" for kind, name in slips]
            raise ChangeRefused([ChangeError(None, "", "selector", None, detail) for detail in details])
        chosen = [name for name in select(organization.pk, change.selector, now=now) if name not in excluded]
        if not chosen:
            raise ChangeRefused([ChangeError(None, "", "selector", None, "the selector selects no edge")])
        operations = tuple(_expanded(operations, chosen))
    sites = _sites(organization.pk, operations)
    edges = _edges(organization.pk, operations, excluded)
    _check_known(organization.code, operations, excluded, sites=sites, edges=edges)
    return Targets(
        organization_id=organization.pk,
        code=organization.code,
        operations=operations,
        sites=sites,
        edges={name: uid for name, (uid, _) in edges.items()},
        edge_sites={name: site for name, (_, site) in edges.items()},
        excluded=excluded,
    )


def select(organization_id: UUID, selector: Mapping[str, Any], *, now: datetime) -> list[str]:
    """The edge_ids that a selector means now, sorted; retired edges are never meant. One query."""
    rows = Edge.objects.filter(organization_id=organization_id).exclude(stage=Stage.RETIRED)
    if sites := selector.get("sites"):
        rows = rows.filter(site__code__in=list(sites))
    if tags := selector.get("tags"):
        rows = rows.filter(tags__overlap=list(tags))
    if edges := selector.get("edges"):
        rows = rows.filter(edge_id__in=list(edges))
    if status := selector.get("status"):
        return sorted(_with_headline(rows, status, now))
    return list(rows.order_by("edge_id").values_list("edge_id", flat=True))


def unknown(organization_id: UUID, selector: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Sites and edges that a selector names and that are not here: `("site", "nrth")`. At most two queries.

    A name that means nothing is a slip of the hand, not an empty choice.
    """
    known = {
        "sites": Site.objects.filter(organization_id=organization_id).values_list("code", flat=True),
        "edges": Edge.objects.filter(organization_id=organization_id).values_list("edge_id", flat=True),
    }
    slips: list[tuple[str, str]] = []
    for member, field in (("sites", "code"), ("edges", "edge_id")):
        named = set(selector.get(member) or ())
        found = set(known[member].filter(**{f"{field}__in": named})) if named else set()
        slips += [(member[:-1], name) for name in sorted(named - found)]
    return slips


def _with_headline(rows: QuerySet[Edge], wanted: Sequence[str], now: datetime) -> Iterable[str]:
    for edge in rows.select_related("organization", "site", "head", "status"):
        if words.describe(edge, now=now).headline in wanted:
            yield edge.edge_id


def _expanded(operations: Iterable[Operation], chosen: Iterable[str]) -> Iterable[Operation]:
    chosen = list(chosen)
    for operation in operations:
        if operation.target:
            yield operation
        else:
            yield from (replace(operation, target=edge_id) for edge_id in chosen)


def _sites(organization_id: UUID, operations: Iterable[Operation]) -> dict[str, UUID]:
    codes = {operation.target for operation in operations if operation.scope == Scope.SITE}
    codes |= {operation.value for operation in operations if operation.op == "move"}
    if not codes:
        return {}
    rows = Site.objects.filter(organization_id=organization_id, code__in=codes)
    return dict(rows.values_list("code", "id"))


def _edges(
    organization_id: UUID, operations: Iterable[Operation], excluded: Iterable[str]
) -> dict[str, tuple[UUID, UUID]]:
    names = {operation.target for operation in operations if operation.scope == Scope.EDGE} | set(excluded)
    if not names:
        return {}
    rows = Edge.objects.filter(organization_id=organization_id, edge_id__in=names)
    return {name: (uid, site) for name, uid, site in rows.values_list("edge_id", "id", "site_id")}


def _check_known(
    code: str,
    operations: Iterable[Operation],
    excluded: Iterable[str],
    *,
    sites: Mapping[str, UUID],
    edges: Mapping[str, Any],
) -> None:
    known = {Scope.ORGANIZATION: {code}, Scope.SITE: sites, Scope.EDGE: edges}
    errors = []
    for operation in operations:
        if operation.target not in known[Scope(operation.scope)]:
            detail = f"there is no {operation.scope} {operation.target!r} here"
            errors.append(ChangeError(None, operation.path, "target", operation.address.to_dict(), detail))
        elif operation.op == "move" and operation.value not in sites:
            detail = f"there is no site {operation.value!r} to move to"
            errors.append(ChangeError(operation.target, "", "target", operation.address.to_dict(), detail))
        elif operation.scope == Scope.EDGE and operation.target in set(excluded):
            detail = "the change set excludes this edge and addresses it by name"
            errors.append(ChangeError(operation.target, "", "exclude", operation.address.to_dict(), detail))
    errors += [
        ChangeError(None, "", "target", None, f"there is no edge {name!r} to exclude")
        for name in excluded
        if name not in edges
    ]
    if errors:
        raise ChangeRefused(errors)
