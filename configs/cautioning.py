"""What an operator should know before saying yes, although nothing is wrong. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from configs.editing import Applied
from configs.fleet import Pins
from configs.models import Scope
from configs.outcomes import Caution
from configs.resolving import Problem, Resolver
from edge_protocol.pointers import MISSING, lookup, split

BODY_OPS = ("set", "unset", "remove")


def hidden(resolver: Resolver, pins: Pins, applied: Iterable[Applied]) -> list[Problem]:
    """Steps on upper layers whose path a lower layer of this edge has a say in."""
    found = []
    for one in applied:
        operation = one.operation
        if operation.op not in BODY_OPS or not operation.path or not one.changed:
            continue
        for scope, revision in _below(operation.scope, pins):
            if lookup(resolver.body(revision), split(operation.path)) is not MISSING:
                detail = f"the {scope}'s own layer has its own value here"
                found.append(Problem("hidden", operation.path, detail))
    return found


def _below(scope: str, pins: Pins) -> list[tuple[str, UUID | None]]:
    layers: list[tuple[str, UUID | None]] = [("site", pins.site), ("edge", pins.edge)]
    return {Scope.ORGANIZATION: layers, Scope.SITE: layers[1:]}.get(Scope(scope), [])


def removals(resolver: Resolver, pins: Pins, applied: Iterable[Applied]) -> list[Problem]:
    """Removals of what no layer above has."""
    found = []
    for one in applied:
        path = split(one.operation.path)
        if one.operation.op != "remove" or not one.changed or not path:
            continue
        above = resolver.inherited(path[0], _above(one.operation.scope, pins))
        if lookup(above, path) is MISSING:
            detail = "removes what no layer above has"
            found.append(Problem("removes_nothing", one.operation.path, detail))
    return found


def _above(scope: str, pins: Pins) -> Pins:
    if scope == Scope.EDGE:
        return replace(pins, edge=None)
    site_too = replace(pins, edge=None, site=None)
    return site_too if scope == Scope.SITE else replace(site_too, organization=None)


def no_effect(applied: Iterable[Applied]) -> list[Caution]:
    """Steps that leave their layer as it is."""
    return [
        Caution(
            "no_effect",
            one.operation.target if one.operation.scope == Scope.EDGE else None,
            one.operation.path,
            f"{one.operation.op} leaves {one.operation.address} as it is",
        )
        for one in applied
        if not one.changed
    ]
