"""What an edge runs and why: effective values with their origins, versions, paths through time."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F, Q, QuerySet

from configs import fleet, marking, registry
from configs.fleet import Pins
from configs.models import EdgePins, Operation, Revision, Scope, State, Version
from configs.refusals import Unknown
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.delta import difference as sections_between
from edge_protocol.envelope import Envelope
from edge_protocol.instants import format_instant
from edge_protocol.merge import merge
from edge_protocol.pointers import join, split
from edge_protocol.provenance import Layer, leaves
from edges import tenancy
from edges.models import Edge, RunningChange, Site

NEWEST_FIRST = ("-change_set__number", "-position", "-id")  # of steps; a total order


def effective(*, edge: Edge) -> dict[str, Any]:
    """The desired document with the origin of every leaf; before version 1, what the pins lead to.

    Shape: {version, document (sections only), provenance: {pointer: origin}}. Five queries at most.
    """
    with tenancy.scope([edge.organization_id]):
        number, pins = _desired_pins(edge)
        layers = _layers(edge, pins)
        profiles = registry.load([pins.registry]).get(pins.registry, {})
    merged = merge(layers, profiles=profiles)
    return {
        "version": number,
        "document": merged.document,
        "provenance": {pointer: origin.to_dict() for pointer, origin in merged.provenance.items()},
    }


def _desired_pins(edge: Edge) -> tuple[int, Pins]:
    desired = Version.objects.filter(edge=edge, number=F("edge__head__version")).first()
    if desired is not None:
        return desired.number, _pins(desired)
    row = EdgePins.objects.filter(edge=edge).first()
    if row is None:
        raise Unknown(f"{edge.edge_id} is not pinned to any layer.")
    return 0, _pins(row)


def _pins(row: Version | EdgePins) -> Pins:
    return Pins(
        row.organization_revision_id,
        row.site_revision_id,
        row.edge_revision_id,
        row.registry_id,
        row.schema,
    )


def _layers(edge: Edge, pins: Pins) -> list[Layer]:
    """The three layers as pinned, most general first, each path with its last writer."""
    wanted = [one for one in pins.layers if one is not None]
    rows = Revision.objects.filter(pk__in=wanted).select_related(
        "layer__organization", "layer__site", "layer__edge"
    )
    found = {row.pk: row for row in rows}
    marks = marking.marks(edge.organization_id, wanted)
    return [_layer(found[one], marks.get(found[one].layer_id, {})) for one in wanted]


def _layer(row: Revision, marks: Mapping[str, Any]) -> Layer:
    return Layer(
        scope=row.layer.scope,
        target=_target(row),
        revision=row.number,
        change_set=str(row.change_set_id),
        author=row.author,
        at=format_instant(row.created_at),
        body=orjson.loads(row.body),
        marks=marks,
    )


def _target(row: Revision) -> str:
    layer = row.layer
    if layer.scope == Scope.SITE:
        return str(layer.site.code)
    return str(layer.edge.edge_id if layer.scope == Scope.EDGE else layer.organization.code)


def version(*, edge: Edge, number: int) -> dict[str, Any]:
    """One version: its document and its manifest as first signed. Three queries. Errors: Unknown."""
    with tenancy.scope([edge.organization_id]):
        row = _version(edge, number)
        sections = _sections(edge, [row])
    return {
        "version": row.number,
        "epoch": row.epoch,
        "kind": row.kind,
        "content_of": row.content_of,
        "digest": row.digest,
        "timestamp": format_instant(row.timestamp),
        "change_set": row.change_set_id,
        "document": {
            "version": row.number,
            "timestamp": format_instant(row.timestamp),
            "edge_id": edge.edge_id,
            **{name: sections[found] for name, found in row.sections.items()},
        },
        "manifest": Envelope.from_header(row.envelope).to_json(),
    }


def difference(*, edge: Edge, one: int, other: int) -> dict[str, Any]:
    """What leads from version `one` to version `other`, by section and by leaf. Errors: Unknown.

    Shape: {from_version, version, changed: [section], removed: [section], leaves: [{path, before?, after?}]}.
    """
    with tenancy.scope([edge.organization_id]):
        before, after = _version(edge, one), _version(edge, other)
        values = _sections(edge, [before, after])
    found = sections_between(before.sections, after.sections)
    return {
        "from_version": one,
        "version": other,
        "changed": list(found.changed),
        "removed": list(found.removed),
        "leaves": list(
            leaves_between(_bodies(before, found.touched, values), _bodies(after, found.touched, values))
        ),
    }


def _bodies(row: Version, names: Iterable[str], values: Mapping[str, JsonValue]) -> JsonObject:
    return {name: values[row.sections[name]] for name in names if name in row.sections}


def leaves_between(before: JsonObject, after: JsonObject) -> Iterable[dict[str, Any]]:
    old, new = ({join(path): leaf for path, leaf in leaves(body)} for body in (before, after))
    for path in sorted(set(old) | set(new)):
        if path == "" or (path in old and path in new and old[path] == new[path]):
            continue
        shown: dict[str, Any] = {"path": path}
        shown |= {"before": old[path]} if path in old else {}
        yield shown | ({"after": new[path]} if path in new else {})


def _version(edge: Edge, number: int) -> Version:
    row: Version | None = Version.objects.filter(edge=edge, number=number).first()
    if row is None:
        raise Unknown(f"There is no version {number} of {edge.edge_id}.")
    return row


def _sections(edge: Edge, rows: Iterable[Version]) -> dict[str, JsonValue]:
    digests = {found for row in rows for found in row.sections.values()}
    return {found: orjson.loads(body) for found, body in fleet.blobs(edge.organization_id, digests).items()}


def of_path(*, edge: Edge, path: str) -> QuerySet[Operation]:
    """Every published step at, above or below a path in the layers that the edge is made of.

    Needs a scope. Errors: PointerError. By index.
    """
    layers = (
        Q(scope=Scope.ORGANIZATION)
        | Q(scope=Scope.SITE, target=edge.site.code)
        | Q(scope=Scope.EDGE, target=edge.edge_id)
    )
    return _published(edge.organization_id, path).filter(layers)


def steps(*, organization_id: UUID, path: str, sites: Collection[UUID] | None) -> QuerySet[Operation]:
    """Every published step at, above or below a path in an organization's layers (`sites`: in the layers of
    these and of their edges alone). Needs a scope. Errors: PointerError.
    """
    rows = _published(organization_id, path)
    if sites is None:
        return rows
    of_site = Site.objects.filter(organization_id=organization_id, pk__in=sites).values("code")
    of_edge = Edge.objects.filter(organization_id=organization_id, site__in=sites).values("edge_id")
    return rows.filter(Q(scope=Scope.SITE, target__in=of_site) | Q(scope=Scope.EDGE, target__in=of_edge))


def touching(path: str) -> QuerySet[Operation]:
    """Every step of the scope at, above or below a path, published or not. Errors: PointerError."""
    parts = split(path)
    above = [join(parts[:depth]) for depth in range(len(parts) + 1)]
    return Operation.objects.filter(Q(path__in=above) | Q(path__startswith=f"{path}/"))


def _published(organization_id: UUID, path: str) -> QuerySet[Operation]:
    rows = touching(path).filter(organization_id=organization_id)
    return rows.exclude(change_set__published_at=None).select_related("change_set")


def step(row: Operation) -> dict[str, Any]:
    """One published step with who, when and why."""
    shown: dict[str, Any] = {"scope": row.scope, "target": row.target, "op": row.op, "path": row.path}
    shown |= {} if row.value is None else {"value": orjson.loads(row.value)}
    shown |= {} if row.old is None else {"old": orjson.loads(row.old)}
    change_set = row.change_set
    return shown | {
        "change_set": change_set.pk,
        "number": change_set.number,
        "author": change_set.author,
        "reason": change_set.reason,
        "at": format_instant(change_set.published_at),
        "reverted": change_set.state == State.REVERTED,
    }


def running_at(*, edge: Edge, at: datetime) -> dict[str, Any]:
    """What the edge ran at a time, by its own reports, and what it was to run. Two queries.

    Shape: {edge_id, at, running: {version, digest, since, code}, desired: {version, digest, since}}, both or
    either null.
    """
    with tenancy.scope([edge.organization_id]):
        ran = RunningChange.objects.filter(edge=edge, at__lte=at).order_by("-at", "-id").first()
        desired = Version.objects.filter(edge=edge, timestamp__lte=at).order_by("-number").first()
    return {
        "edge_id": edge.edge_id,
        "at": format_instant(at),
        "running": ran
        and {
            "version": ran.to_version,
            "digest": ran.to_digest,
            "since": format_instant(ran.at),
            "code": ran.code or None,
        },
        "desired": desired
        and {
            "version": desired.number,
            "digest": desired.digest,
            "since": format_instant(desired.timestamp),
        },
    }
