"""Organizations, sites and edges come into being, change stage, and never return under an old name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from edge_protocol.keys import is_edge_id
from edges import keys, tenancy
from edges.errors import RowsRefusedError, TakenError, ValueRefusedError
from edges.models import Edge, EdgeStatus, Organization, Site, Stage

CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
TAG = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,62}")
MOST_TAGS = 50


def create_organization(
    *, organization_id: UUID, code: str, name: str, time_zone: str = "UTC", now: datetime, **more: Any
) -> Organization:
    """A new organization. Errors: ValueRefusedError, TakenError."""
    _check_code(code)
    _check_time_zone(time_zone)
    made = Organization(
        id=organization_id, code=code, name=_name(name), time_zone=time_zone, created_at=now, **more
    )
    with tenancy.scope([organization_id]):
        _insert(made, "An organization has this code already.")
    return made


def create_site(
    *, organization_id: UUID, code: str, name: str, time_zone: str = "UTC", now: datetime
) -> Site:
    """A new site. Needs a scope. Errors: ValueRefusedError, TakenError."""
    _check_code(code)
    _check_time_zone(time_zone)
    made = Site(
        organization_id=organization_id, code=code, name=_name(name), time_zone=time_zone, created_at=now
    )
    _insert(made, "A site of this organization has this code already.")
    return made


def create_edge(
    *,
    site: Site,
    edge_id: str,
    name: str = "",
    tags: Iterable[str] = (),
    stage: str = Stage.COMMISSIONING,
    now: datetime,
) -> Edge:
    """A new edge with an empty status; nothing is published for it here. Needs a scope.

    Errors: ValueRefusedError; TakenError, whoever has the id, now or once.
    """
    if not is_edge_id(edge_id):
        raise ValueRefusedError(
            "edge_id", "An edge's id is 2 to 63 of a-z, 0-9, _ and -, not starting with - or _."
        )
    if stage not in {Stage.COMMISSIONING, Stage.IN_SERVICE, Stage.MAINTENANCE}:
        raise ValueRefusedError("stage", "A new edge is in commissioning, in_service or maintenance.")
    made = Edge(
        organization_id=site.organization_id,
        site=site,
        edge_id=edge_id,
        name=_name(name, least=0),
        tags=check_tags(tags),
        stage=stage,
        created_at=now,
    )
    _insert(made, "This edge id is taken.")
    EdgeStatus.objects.create(organization_id=site.organization_id, edge=made)
    return made


@dataclass(frozen=True, slots=True)
class NewEdge:
    """An edge to be; `site` by its code."""

    edge_id: str
    site: str
    name: str = ""
    tags: Sequence[str] = ()


def create_edges(*, organization_id: UUID, rows: Sequence[NewEdge], now: datetime) -> list[Edge]:
    """Many new edges in commissioning, all or none, in the order of `rows`. Needs a scope.

    Errors: RowsRefusedError naming every row that is wrong. Source: issue 3, bulk enrollment.
    """
    sites = {site.code: site for site in Site.objects.filter(organization_id=organization_id)}
    made: list[Edge] = []
    wrong: list[tuple[int, str, str]] = []
    with transaction.atomic():
        for position, row in enumerate(rows):
            try:
                made.append(_create(sites, row, now))
            except ValueRefusedError as refused:
                wrong.append((position, refused.field, str(refused)))
            except TakenError as taken:
                wrong.append((position, "edge_id", str(taken)))
        if wrong:
            raise RowsRefusedError(wrong)
    return made


def _create(sites: Mapping[str, Site], row: NewEdge, now: datetime) -> Edge:
    if row.site not in sites:
        raise ValueRefusedError("site", f"There is no site {row.site!r} in this organization.")
    return create_edge(site=sites[row.site], edge_id=row.edge_id, name=row.name, tags=row.tags, now=now)


def change_stage(*, edge: Edge, stage: str) -> Edge:
    """Commissioning, in service or maintenance. Needs a scope. Errors: ValueRefusedError."""
    if edge.stage == Stage.RETIRED:
        raise ValueRefusedError("stage", "A retired edge does not come back.")
    if stage not in {Stage.COMMISSIONING, Stage.IN_SERVICE, Stage.MAINTENANCE}:
        raise ValueRefusedError(
            "stage", "The stage is commissioning, in_service or maintenance; retiring is an act."
        )
    edge.stage = stage
    edge.save(update_fields=["stage"])
    return edge


def change_site(*, site: Site, name: str | None = None, time_zone: str | None = None) -> Site:
    """Its name and time zone; its code stays. Needs a scope. Errors: ValueRefusedError."""
    if name is not None:
        site.name = _name(name)
    if time_zone is not None:
        _check_time_zone(time_zone)
        site.time_zone = time_zone
    site.save(update_fields=["name", "time_zone"])
    return site


def change_edge(
    *, edge: Edge, name: str | None = None, tags: Iterable[str] | None = None, stage: str | None = None
) -> Edge:
    """Its name, tags and stage; its id and site stay. Needs a scope. Errors: ValueRefusedError."""
    if stage is not None and stage != edge.stage:
        change_stage(edge=edge, stage=stage)
    if name is not None:
        edge.name = _name(name, least=0)
    if tags is not None:
        edge.tags = check_tags(tags)
    edge.save(update_fields=["name", "tags"])
    return edge


def retire_edge(*, edge: Edge, by: str, reason: str, now: datetime) -> Edge:
    """Keys revoked, no more versions; not revertible. Needs a scope."""
    if edge.stage == Stage.RETIRED:
        return edge
    edge.stage, edge.retired_at = Stage.RETIRED, now
    edge.save(update_fields=["stage", "retired_at"])
    keys.revoke_all(edge=edge, by=by, reason=reason, now=now)
    return edge


def check_tags(tags: Iterable[str]) -> list[str]:
    """Sorted, each once. Errors: ValueRefusedError."""
    found = sorted(set(tags))
    if len(found) > MOST_TAGS:
        raise ValueRefusedError("tags", f"An edge has at most {MOST_TAGS} tags.")
    for tag in found:
        if not TAG.fullmatch(tag):
            raise ValueRefusedError(
                "tags", "A tag is 1 to 63 of a-z, 0-9, _, ., : and -, starting with a letter or digit."
            )
    return found


def _insert(row: Organization | Site | Edge, taken: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise TakenError(taken) from error


def _check_code(code: str) -> None:
    if not CODE.fullmatch(code):
        raise ValueRefusedError(
            "code", "A code is 1 to 40 of a-z, 0-9, _ and -, starting with a letter or digit."
        )


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a name may also be no name, or a folder of names
        raise ValueRefusedError("time_zone", "A time zone is an IANA name, such as Europe/Vienna.") from error


def _name(text: str, least: int = 1) -> str:
    name = text.strip()
    if not least <= len(name) <= 200:
        raise ValueRefusedError("name", f"A name has {least} to 200 characters.")
    return name
