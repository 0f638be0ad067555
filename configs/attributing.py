"""From a broken rule to the layer to look at: the deepest one that contributes to its path."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from configs import fleet
from configs.fleet import EdgeFacts, Pins
from configs.models import Scope
from configs.refusals import ChangeError
from configs.resolving import Problem
from edge_protocol.canonical import JsonObject
from edge_protocol.errors import MergeError
from edge_protocol.merge import merge
from edge_protocol.pointers import Path, split
from edge_protocol.provenance import Layer
from edges.models import Organization

Refused = tuple[EdgeFacts, Pins, Problem]

_DEPTH = {Scope.ORGANIZATION: 1, Scope.SITE: 2, Scope.EDGE: 3}


def errors(
    organization: Organization,
    refused: Sequence[Refused],
    *,
    new_bodies: Mapping[UUID, JsonObject],
    registries: Mapping[int, Mapping[str, JsonObject]],
    moves: Mapping[str, str],
) -> list[ChangeError]:
    """Each problem with its edge and layer. One query; each distinct document is traced once."""
    wanted = {one for _, pins, _ in refused for one in pins.layers if one is not None}
    bodies = {**fleet.bodies(organization.pk, wanted - set(new_bodies)), **new_bodies}
    traced: dict[Pins, dict[Path, str]] = {}
    found = []
    for facts, pins, problem in refused:
        if pins not in traced:
            traced[pins] = deepest(_scopes(pins, bodies, registries))
        scope = nearest(traced[pins], problem.path)
        targets = {
            Scope.ORGANIZATION: organization.code,
            Scope.SITE: moves.get(facts.edge_id, facts.site_code),
            Scope.EDGE: facts.edge_id,
        }
        layer = {"scope": str(scope), "target": targets[Scope(scope)]}
        found.append(ChangeError(facts.edge_id, problem.path, problem.rule, layer, problem.detail))
    return found


def _scopes(
    pins: Pins, bodies: Mapping[UUID, JsonObject], registries: Mapping[int, Mapping[str, JsonObject]]
) -> dict[Path, str]:
    """The scope that each leaf comes from; a document that cannot be merged is traced as far as it can."""
    layers = [
        Layer(scope, "", 0, None, "", "", bodies[revision])
        for scope, revision in zip(Scope.values, pins.layers, strict=True)
        if revision is not None
    ]
    while layers:
        try:
            merged = merge(layers, profiles=registries[pins.registry])
        except MergeError:
            layers = layers[:-1]
            continue
        return {split(pointer): origin.scope for pointer, origin in merged.provenance.items()}
    return {}


def deepest(scopes: Mapping[Path, str]) -> dict[Path, str]:
    """For every path at or above a leaf, the deepest layer with a leaf there or below; registries aside."""
    found: dict[Path, str] = {}
    for leaf, scope in scopes.items():
        if scope not in _DEPTH:
            continue
        for depth in range(len(leaf) + 1):
            known = found.get(leaf[:depth])
            if known is None or _DEPTH[Scope(scope)] > _DEPTH[Scope(known)]:
                found[leaf[:depth]] = scope
    return found


def nearest(contributors: Mapping[Path, str], pointer: str) -> str:
    """The deepest layer with a leaf at, below or (failing that) beside the path's nearest ancestor."""
    path = split(pointer)
    for depth in range(len(path), -1, -1):
        if path[:depth] in contributors:
            return contributors[path[:depth]]
    return Scope.ORGANIZATION
