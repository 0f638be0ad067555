"""Layers as a file: out of an organization, and into one as a change set like any other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from configs import layers
from configs.changes import Address, Change
from configs.fleet import LayerState
from configs.models import Kind, Layer, Scope
from configs.refusals import ChangeError, ChangeRefused, StaleLayer
from edge_protocol.canonical import JsonObject
from edge_protocol.instants import format_instant
from edges import tenancy
from edges.models import Edge, Organization, Site

FORMAT = "ems-layers/1"


@dataclass(frozen=True, slots=True)
class Given:
    """One layer of a file. `revision` None: whatever it is at."""

    address: Address
    body: Mapping[str, Any]
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """`revisions`: what the change was made against; `skipped`: layers of the file that are left out."""

    change: Change
    revisions: Mapping[Address, int]
    skipped: Sequence[Address]


def exported(*, organization: Organization, sites: Collection[UUID] | None, now: datetime) -> dict[str, Any]:
    """Every layer that says something (`sites`: of these and of their edges alone). One query.

    Shape: {format, organization, exported_at, layers: [{scope, target, revision, body}]}, the most general
    first; `importing` takes it back. Source: issue 3, import and export.
    """
    with tenancy.scope([organization.pk]):
        states = _states(organization, sites)
    return {
        "format": FORMAT,
        "organization": organization.code,
        "exported_at": format_instant(now),
        "layers": [
            {**state.address.to_dict(), "revision": state.number, "body": state.body}
            for state in sorted(states.values(), key=_place)
            if state.body
        ],
    }


def _place(state: LayerState) -> tuple[int, str]:
    return list(Scope.values).index(state.address.scope), state.address.target


def _states(organization: Organization, sites: Collection[UUID] | None) -> dict[Address, LayerState]:
    rows = Layer.objects.filter(organization=organization, baseline__isnull=False)
    if sites is not None:
        rows = rows.filter(site__in=sites) | rows.filter(edge__site__in=sites)
    found = {}
    for row in rows.select_related("baseline", "site", "edge"):
        target = {
            Scope.ORGANIZATION: organization.code,
            Scope.SITE: row.site and row.site.code,
            Scope.EDGE: row.edge and row.edge.edge_id,
        }[Scope(row.scope)]
        address = Address(row.scope, str(target))
        found[address] = LayerState(
            address=address,
            site_id=row.site_id,
            edge_uid=row.edge_id,
            layer_id=row.pk,
            revision_id=row.baseline_id,
            number=row.baseline.number,
            body=orjson.loads(row.baseline.body),
        )
    return found


def importing(
    *,
    organization: Organization,
    given: Sequence[Given],
    reason: str,
    source: str | None = None,
    skip_unknown: bool = False,
    overwrite: bool = False,
) -> Import:
    """The change that brings layers to the bodies of a file.

    `source`: the organization that the file is from; its own organization layer becomes this one's, and
    only its own revision numbers mean something here. `skip_unknown` leaves out sites and edges that are not
    here instead of refusing; `overwrite` takes the file's word over what was changed since it was made.
    Errors: ChangeRefused naming every layer that is unknown, named twice or wrong; StaleLayer.
    """
    with tenancy.scope([organization.pk]):
        placed = [_placed(one, organization.code) for one in given]
        unknown = _unknown(organization, [one.address for one in placed])
        states = _states(organization, None)
    kept = [one for one in placed if one.address not in unknown]
    errors = [] if skip_unknown else [_is_unknown(address) for address in unknown]
    errors += _twice(placed)
    operations = []
    for one in kept:
        old = states.get(one.address)
        try:
            operations += layers.steps(one.address, old.body if old else {}, one.body)
        except ChangeRefused as refused:
            errors += refused.errors
    if errors:
        raise ChangeRefused(errors)
    if source == organization.code and not overwrite:
        _refuse_stale(kept, states)
    revisions = {one.address: states[one.address].number for one in kept if one.address in states}
    return Import(Change(reason=reason, operations=operations, kind=Kind.PUT), revisions, unknown)


def _placed(one: Given, code: str) -> Given:
    if one.address.scope != Scope.ORGANIZATION:
        return one
    return Given(Address(Scope.ORGANIZATION, code), one.body, one.revision)


def _unknown(organization: Organization, addresses: Sequence[Address]) -> list[Address]:
    sites = {one.target for one in addresses if one.scope == Scope.SITE}
    edges = {one.target for one in addresses if one.scope == Scope.EDGE}
    here = {
        Scope.ORGANIZATION: {organization.code},
        Scope.SITE: set(
            Site.objects.filter(organization=organization, code__in=sites).values_list("code", flat=True)
        ),
        Scope.EDGE: set(
            Edge.objects.filter(organization=organization, edge_id__in=edges, retired_at=None).values_list(
                "edge_id", flat=True
            )
        ),
    }
    return [one for one in addresses if one.target not in here[Scope(one.scope)]]


def _is_unknown(address: Address) -> ChangeError:
    detail = f"there is no {address.scope} {address.target!r} here: create it, or leave out what is unknown"
    return ChangeError(None, "", "target", address.to_dict(), detail)


def _twice(given: Sequence[Given]) -> list[ChangeError]:
    seen: set[Address] = set()
    errors = []
    for one in given:
        if one.address in seen:
            errors.append(ChangeError(None, "", "target", one.address.to_dict(), "this layer is given twice"))
        seen.add(one.address)
    return errors


def _refuse_stale(given: Sequence[Given], states: Mapping[Address, LayerState]) -> None:
    nothing: JsonObject = {}
    for one in given:
        state = states.get(one.address)
        number, body = (state.number, state.body) if state else (0, nothing)
        if one.revision is not None and one.revision != number and body != one.body:
            raise StaleLayer(
                f"The layer {one.address} was changed since this file was made: it is at revision {number}, "
                f"the file has {one.revision}. Export again, or overwrite it.",
                etag=f'"{number}"',
            )
