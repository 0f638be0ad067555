"""What is known of edges and holds, read for the causes. All need a scope."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from configs.models import Hold, Version
from edges.models import Edge, Stage
from edges.words import LATE_AFTER_HEARTBEATS, OFFLINE_AFTER
from monitoring import causes
from monitoring.causes import Alarm, Cause

# A part of a site that is silent together is a trouble of the site; one or two edges are not a part.
SITE_SHARE, SITE_LEAST = 0.2, 3
MOST_ALARM_EVENTS = 200

_ALARMS = """
SELECT DISTINCT ON (e.edge_id, e.data->>'id') e.edge_id, e.data->>'id', coalesce(e.data->>'severity', ''),
       e.detail, e.data->>'state' = 'raised', coalesce(e.data->'notification', '[]'::jsonb) ? 'email'
  FROM unnest(%(edges)s::uuid[]) AS asked (id)
 CROSS JOIN LATERAL (
       SELECT id, edge_id, data, detail FROM edges_edgeevent
        WHERE edge_id = asked.id AND organization_id = %(organization)s AND type = 'alarm'
        ORDER BY id DESC LIMIT %(most)s) e
 WHERE jsonb_typeof(e.data) = 'object' AND e.data->>'id' <> '' AND e.data->>'state' IN ('raised', 'cleared')
 ORDER BY e.edge_id, e.data->>'id', e.id DESC
"""
# By the index of the organization; an index on the time would make every heartbeat a dearer write.
_SILENT = """
SELECT e.id, e.site_id, t.name, s.last_heartbeat_at,
       make_interval(secs => s.heartbeat_seconds * %(missed)s), coalesce(s.local_hold IS NOT NULL, false)
  FROM edges_edge e
  JOIN edges_edgestatus s ON s.edge_id = e.id AND s.organization_id = e.organization_id
  JOIN edges_site t ON t.id = e.site_id AND t.organization_id = e.organization_id
 WHERE e.organization_id = %(organization)s AND e.stage = %(stage)s AND s.last_heartbeat_at IS NOT NULL
"""

Standing = dict[Cause, set[UUID]]


def of_edges(organization_id: UUID, edges: Collection[UUID], now: datetime) -> Standing:
    """The causes that stand for these edges. Three queries."""
    rows = list(Edge.objects.filter(pk__in=list(edges)).select_related("head", "status"))
    made_by = _change_sets(rows)
    alarms = _alarms(organization_id, edges)
    return causes.together(
        (cause, edge.pk)
        for edge in rows
        for cause in causes.of_edge(edge, change_set=made_by.get(edge.pk), alarms=alarms[edge.pk], now=now)
    )


def online(edges: Collection[UUID], now: datetime) -> set[UUID]:
    rows = Edge.objects.filter(pk__in=list(edges)).select_related("status")
    return {one.pk for one in rows if causes.words.link_word(getattr(one, "status", None), now) == "online"}


def _change_sets(rows: Collection[Edge]) -> dict[UUID, UUID]:
    tried = {
        one.pk: ((getattr(one, "status", None) and one.status.last_attempt) or {}).get("version")
        for one in rows
    }
    found = Version.objects.filter(
        edge__in=[pk for pk, number in tried.items() if number],
        number__in={number for number in tried.values() if number},
    ).values_list("edge_id", "number", "change_set_id")
    return {edge: change_set for edge, number, change_set in found if tried[edge] == number}


def _alarms(organization_id: UUID, edges: Collection[UUID]) -> dict[UUID, list[Alarm]]:
    parameters = {"edges": list(edges), "organization": organization_id, "most": MOST_ALARM_EVENTS}
    found: dict[UUID, list[Alarm]] = defaultdict(list)
    for edge, name, severity, detail, is_raised, by_email in _rows(_ALARMS, parameters):
        found[edge].append(Alarm(name[:128], severity, detail, is_raised, by_email))
    return found


def of_silence(organization_id: UUID, now: datetime) -> tuple[Standing, datetime | None]:
    """Who is offline by site, and when the next one could be. One query."""
    parameters = {
        "organization": organization_id, "missed": LATE_AFTER_HEARTBEATS, "stage": Stage.IN_SERVICE.value,
    }  # fmt: skip
    sites: dict[tuple[UUID, str], list[tuple[UUID, timedelta, bool, bool]]] = defaultdict(list)
    due: list[datetime] = []
    for edge, site, name, heard, late_after, is_held in _rows(_SILENT, parameters):
        silence = now - heard
        is_late = silence > late_after
        sites[site, name].append((edge, silence, is_late, is_held))
        if silence < OFFLINE_AFTER:
            due.append(heard + (OFFLINE_AFTER if is_late else late_after))
    standing: Standing = {}
    for (site, name), edges in sites.items():
        if gone := _gone(edges):
            standing[Cause("offline", f"offline:{site}", f"Edges of {name} are silent")] = gone
    return standing, min(due, default=None)


def _gone(edges: Collection[tuple[UUID, timedelta, bool, bool]]) -> set[UUID]:
    """Offline each by itself, or late together. A hold set on site mutes."""
    late = {edge for edge, _, is_late, is_held in edges if is_late and not is_held}
    if len(late) >= max(SITE_LEAST, SITE_SHARE * len(edges)):
        return late
    return {edge for edge, silence, _, is_held in edges if silence >= OFFLINE_AFTER and not is_held}


def of_holds(now: datetime) -> tuple[Standing, datetime | None]:
    """Holds whose review is due, by their owner; and when the next review is. One query."""
    standing: Standing = defaultdict(set)
    due: list[datetime] = []
    rows = Hold.objects.filter(released_at=None, review_at__isnull=False)
    for edge, owner, review_at in rows.values_list("edge_id", "by", "review_at"):
        if review_at > now:
            due.append(review_at)
        else:
            cause = Cause("hold", f"hold:{owner}", f"Holds of {owner} are overdue for review")
            standing[cause].add(edge)
    return standing, min(due, default=None)


def _rows(query: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
