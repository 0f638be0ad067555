"""Overrides of list items that a change takes away from above them. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from uuid import UUID

from configs.fleet import Pins
from configs.resolving import Problem, Resolver
from edge_protocol.layout import KEYED_LISTS, REMOVE
from edge_protocol.pointers import Path, join, lookup

RULE = "orphan"


def find(resolver: Resolver, *, before: Pins | None, after: Pins, changed: Collection[str]) -> list[Problem]:
    """Items that layers above no longer give although a layer below still overrides them."""
    if before is None or (before.organization, before.site) == (after.organization, after.site):
        return []
    found = []
    for path, key in ((path, key) for path, key in KEYED_LISTS.items() if path[0] in changed):
        for depth, revision in ((1, after.site), (2, after.edge)):
            own = _own_items(resolver, revision, path, key)
            if not own:
                continue
            had, has = (_inherited(resolver, pins, depth, path, key) for pins in (before, after))
            found += [_problem(path, identity) for identity in sorted(own & (had - has))]
    return found


def _own_items(resolver: Resolver, revision: UUID | None, path: Path, key: str) -> set[str]:
    """Identities that a layer overrides (its removals aside)."""
    items = lookup(resolver.body(revision), path)
    if not isinstance(items, list):
        return set()
    return {item[key] for item in items if isinstance(item, dict) and item.get(REMOVE) is not True}


def _inherited(resolver: Resolver, pins: Pins, depth: int, path: Path, key: str) -> set[str]:
    """Identities that the layers above position `depth` lead to."""
    above = replace(pins, edge=None) if depth == 2 else replace(pins, edge=None, site=None)
    items = lookup(resolver.inherited(path[0], above), path)
    return {item[key] for item in items} if isinstance(items, list) else set()


def _problem(path: Path, identity: str) -> Problem:
    detail = f"{identity!r} is no longer inherited, and this layer overrides it: remove the override too"
    return Problem(RULE, join((*path, identity)), detail)


def instead_of(orphaned: Iterable[Problem], problems: list[Problem]) -> list[Problem]:
    """Orphans first; what a half-defined item breaks besides is their consequence, and is left out."""
    orphaned = list(orphaned)
    prefixes = tuple(one.path + "/" for one in orphaned)
    paths = {one.path for one in orphaned}
    rest = [one for one in problems if one.path not in paths and not one.path.startswith(prefixes)]
    return [*orphaned, *rest] if orphaned else problems
