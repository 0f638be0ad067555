"""Locks: paths of an upper layer that the layers below may not touch.

A change is refused for what it does itself: a step onto a locked path, or a lock over overrides that
stand. What violates a lock already (after a rollback, say) blocks nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from configs.changes import Address
from configs.editing import Application
from configs.models import Scope
from configs.planning import Plan
from configs.refusals import ChangeError, ChangeRefused
from edge_protocol.canonical import JsonObject
from edge_protocol.layout import LAYERED, LOCK
from edge_protocol.locks import LockViolation, lock_violations
from edge_protocol.pointers import Touching, split
from edge_protocol.provenance import Layer

RULE = "lock"
_WRITES = ("set", "remove")

# Upper layers of what is written that hold locks, and, below new locks, the layers that may touch them.
_RELATED = """
SELECT l.scope, s.code, e.edge_id, coalesce(l.site_id, e.site_id), r.body
  FROM configs_layer l
  JOIN configs_revision r ON r.id = l.baseline_id
  LEFT JOIN edges_site s ON s.id = l.site_id
  LEFT JOIN edges_edge e ON e.id = l.edge_id
 WHERE l.organization_id = %(organization)s AND e.retired_at IS NULL
   AND (l.scope <> 'edge' OR %(below)s OR l.edge_id = ANY(%(moved)s))
   AND (r.members && %(lock)s OR %(below)s AND r.members && %(sections)s OR l.edge_id = ANY(%(moved)s))
"""


def check(plan: Plan) -> None:
    """One query. Errors: ChangeRefused for every locked path that this change touches or locks over."""
    relevant = (*_WRITES, "lock", "move")
    written = [one.operation for one in plan.application.applied if one.operation.op in relevant]
    if not written:
        return
    locked = {one.path for one in written if one.op == "lock"}
    sections = set(LAYERED) if "" in locked else {split(path)[0] for path in locked}
    errors = violations(plan, below=bool(locked), sections=sections)
    if errors:
        raise ChangeRefused(errors)


def violations(plan: Plan, *, below: bool = False, sections: Iterable[str] = ()) -> list[ChangeError]:
    """Locked paths that the plan touches; `below`: also in lower layers, where they have `sections`."""
    stack = _Stack(plan, _related(plan, below=below, sections=sections))
    return [error for address in stack.lower() for error in stack.errors(address)]


class _Stack:
    """Baselines as they will be, with their places in the hierarchy."""

    def __init__(self, plan: Plan, related: Mapping[Address, tuple[UUID | None, JsonObject]]) -> None:
        self._plan = plan
        self._organization = Address(Scope.ORGANIZATION, plan.targets.code)
        self._sites = {address: site for address, (site, _) in related.items()}
        self._old = {address: body for address, (_, body) in related.items()}
        for address, state in plan.states.items():
            self._old[address] = state.body
            self._sites[address] = state.site_id or plan.targets.edge_sites.get(address.target)
        self._new = {**self._old, **plan.application.bodies}
        self._new_sites = dict(self._sites)
        for edge_id, code in plan.application.moves.items():
            self._new_sites[Address(Scope.EDGE, edge_id)] = plan.targets.sites[code]
        self._written = _written(plan.application)
        self._site_addresses = {
            site: address for address, site in self._sites.items() if address.scope == Scope.SITE
        }

    def lower(self) -> Iterable[Address]:
        """The layers to be checked against those above them."""
        return sorted((one for one in self._new if one.scope != Scope.ORGANIZATION), key=str)

    def errors(self, address: Address) -> list[ChangeError]:
        before = {
            (one.path, str(one.locked_by.target)) for one in self._violations(address, self._old, self._sites)
        }
        return [
            _error(address, one)
            for one in self._violations(address, self._new, self._new_sites)
            if (one.path, str(one.locked_by.target)) not in before or self._writes(address, one.path)
        ]

    def _violations(
        self,
        address: Address,
        bodies: Mapping[Address, JsonObject],
        sites: Mapping[Address, UUID | None],
    ) -> list[LockViolation]:
        uppers = [self._organization]
        site = self._site_addresses.get(sites.get(address))
        if address.scope == Scope.EDGE and site is not None:
            uppers.append(site)
        layers = [_layer(one, bodies.get(one, {})) for one in (*uppers, address)]
        return [
            one
            for one in lock_violations(layers)
            if (one.scope, one.target) == (address.scope, address.target)
        ]

    def _writes(self, address: Address, path: str) -> bool:
        written = self._written.get(address)
        return written is not None and written.any(path)


def _written(application: Application) -> dict[Address, Touching]:
    """What the change's own steps alter, by layer."""
    paths: dict[Address, list[str]] = {}
    for one in application.applied:
        if one.operation.op in _WRITES and one.changed:
            paths.setdefault(one.operation.address, []).append(one.operation.path)
    return {address: Touching(altered) for address, altered in paths.items()}


def _layer(address: Address, body: JsonObject) -> Layer:
    return Layer(address.scope, address.target, 0, None, "", "", body)


def _error(address: Address, found: LockViolation) -> ChangeError:
    edge_id = address.target if address.scope == Scope.EDGE else None
    return ChangeError(edge_id, found.path, RULE, address.to_dict(), found.detail)


def _related(
    plan: Plan, *, below: bool, sections: Iterable[str]
) -> dict[Address, tuple[UUID | None, JsonObject]]:
    parameters: dict[str, Any] = {
        "organization": plan.ground.organization.pk,
        "lock": [LOCK],
        "below": below,
        "sections": list(sections),
        "moved": [plan.targets.edges[edge_id] for edge_id in plan.application.moves],
    }
    with connection.cursor() as cursor:
        cursor.execute(_RELATED, parameters)
        rows = cursor.fetchall()
    code = plan.targets.code
    return {
        Address(scope, {"site": site_code, "edge": edge_id}.get(scope, code)): (site, orjson.loads(body))
        for scope, site_code, edge_id, site, body in rows
    }
