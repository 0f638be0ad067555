"""The desk over a large fleet: what each page costs the server, and a bulk change from preview to published.

    python -m benchmarks.desk [--edges 10000] [--sites 200] [--runs 5] [--json]

One organization; one edge in ten failed, for one of five causes, some are silent, late or held; one draft,
one rollout. Every kind of page that a link leads to is asked `--runs` times by its owner, through Django's
handler, against an embedded PostgreSQL; a page costs the median. `worked_out`: what a page asks for itself
after it has come, a change over the whole fleet, held to the seconds of the preview. The bulk change sets one
value in half of the sites, by REST.
"""

import argparse
import html
import json
import re
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from benchmarks import _fleet, publish

MOST_QUERIES = 12
BARS_MS = {"fleet": 300, "fleet, failed": 300, "fleet, by text": 300, "edges-edge-change": 300}
PREVIEW_SECONDS = 5.0
MARK = re.compile(r"BEGIN|COMMIT|(RELEASE )?SAVEPOINT")
LATER = re.compile(r'data-later="([^"]*)"')
WORKED_OUT = ", worked out"
LINK = re.compile(r'href="(/admin/[^"]*)"')
SEARCHES = {"fleet, failed": "/admin/fleet/?word=failed", "fleet, by text": "/admin/fleet/?text=desk-77"}
THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"

# What heartbeats would have written: the edge's number decides how it is.
_REPORTED = """
UPDATE edges_edgestatus s SET
  running_version = CASE WHEN mod(n, 10) = 0 THEN h.version - 1 ELSE h.version END,
  running_digest = h.digest, highest_seen = h.version, phase = 'committed', heartbeat_seconds = 60,
  last_heartbeat_at = CASE WHEN mod(n, 97) = 0 THEN NULL WHEN mod(n, 31) = 0 THEN %(now)s - interval '2 hours'
                           WHEN mod(n, 29) = 0 THEN %(now)s - interval '10 minutes' ELSE %(now)s END,
  clock = '{"synced": true, "offset_ms": 12}',
  sync = '{"polls_scheduled": 288, "polls_ok": 288, "polls_failed": 0, "transport": "websocket"}',
  health = '{"core_cycle": {"ok": true}, "process": {"ok": true}, "devices": {"ok": true}}',
  schemas = '["ems-config/1"]', agent_version = '1.0.0', transport = 'websocket',
  last_attempt = jsonb_build_object('version', h.version, 'digest', h.digest, 'at', %(now)s, 'attempts', 1)
    || CASE WHEN mod(n, 10) = 0
       THEN jsonb_build_object('status', 'rolled_back', 'code', 'cause_' || mod(n / 10, 5),
                               'detail', 'The watchdog went back', 'log', repeat('a line of its log; ', 50))
       ELSE '{"status": "confirmed"}' END
  FROM edges_edge e JOIN edges_edgehead h ON h.edge_id = e.id,
       LATERAL (SELECT split_part(e.edge_id, '-', 2)::int n) x
 WHERE e.id = s.edge_id AND e.organization_id = %(organization)s
"""


def make(edges: int, sites: int) -> tuple[publish.Fleet, Any]:
    """The fleet, published and reported, and a browser's session of its owner."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    from edges import people, tenancy
    from ems import setting_up

    setting_up.found()
    fleet = publish.Fleet("desk", edges, sites)
    fleet.set("", _fleet.document())
    owner = get_user_model().objects.create_user("owner")
    with tenancy.scope([fleet.organization_id]):
        people.grant(user=owner, organization_id=fleet.organization_id, role="owner")
        with connection.cursor() as cursor:
            cursor.execute(_REPORTED, {"now": fleet.now, "organization": fleet.organization_id})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(headers={"Accept": "text/html"})
    client.force_login(owner)
    return fleet, client


def hold_back(fleet: publish.Fleet, client: Any, sites: int) -> None:
    """A draft for a quarter of the sites, and in one site a rollout before its first wave."""
    drafted(fleet, client, range(sites // 4), 41_000)
    let_out = drafted(fleet, client, [sites - 1], 43_000)
    ask(client, f"/api/v1/change-sets/{let_out}/rollout", {})


def drafted(fleet: publish.Fleet, client: Any, sites: Iterable[int], value: int) -> str:
    address = f"/api/v1/organizations/{fleet.code}/change-sets"
    return str(ask(client, address, shaving(sites, value))["id"])


def shaving(sites: Iterable[int], value: int) -> dict[str, Any]:
    """One value for the edges of these sites, as a change set is asked for."""
    operations = [
        {"scope": "site", "target": f"s{number}", "op": "set", "path": THRESHOLD, "value": value}
        for number in sites
    ]
    return {"reason": "Shave earlier in some of the sites", "operations": operations}


def ask(client: Any, address: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(address, body, content_type="application/json")
    if answer.status_code >= 400:
        raise AssertionError(f"{address} was answered {answer.status_code}: {answer.content[:400]!r}")
    return dict(answer.json())


def pages(client: Any) -> Iterator[tuple[str, str]]:
    """(name, address) of one page of each kind, as links lead to them from the first one, and of parts."""
    from benchmarks._pages import kind

    waiting = {"home": "/admin/"}
    known = set(waiting)
    while waiting:
        name = next(iter(waiting))
        address = waiting.pop(name)
        answer = client.get(address)
        if answer.status_code != 200:
            raise AssertionError(f"{address} was answered {answer.status_code}")
        yield name, address
        shown = answer.content.decode()
        for part in LATER.findall(shown):
            yield f"{name}{WORKED_OUT}", html.unescape(part)
        for link in LINK.findall(shown):
            found = kind(urlsplit(link).path)
            if found and found not in known:
                known.add(found)
                waiting[found] = urlsplit(link).path
    yield from SEARCHES.items()


def cost(client: Any, address: str, runs: int) -> dict[str, Any]:
    """Queries without the marks of transactions, which read nothing; the milliseconds are measured apart."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    queries = sum(MARK.match(one["sql"]) is None for one in captured)
    milliseconds = []
    for _ in range(runs):
        started = time.perf_counter()
        client.get(address)
        milliseconds.append(1000 * (time.perf_counter() - started))
    return {"queries": queries, "milliseconds": round(statistics.median(milliseconds), 1)}


def change(fleet: publish.Fleet, client: Any, sites: int) -> tuple[float, float]:
    """Seconds of the preview and of the publication of one value in half of the sites."""
    body = shaving(range(sites // 2), 33_000) | {"publish": True}
    address = f"/api/v1/organizations/{fleet.code}/change-sets"
    seconds = []
    for query in ("?dry_run=true", ""):
        started = time.perf_counter()
        answer = ask(client, address + query, body)
        seconds.append(round(time.perf_counter() - started, 2))
        if 2 * len(answer["affected"]) != publish_edges(fleet):
            raise AssertionError(f"{len(answer['affected'])} edges are affected")
    return seconds[0], seconds[1]


def publish_edges(fleet: publish.Fleet) -> int:
    from edges import tenancy
    from edges.models import Edge

    with tenancy.scope([fleet.organization_id]):
        return Edge.objects.count()


def facts(edges: int, sites: int, runs: int) -> dict[str, Any]:
    fleet, client = make(edges, sites)
    hold_back(fleet, client, sites)
    every = {name: cost(client, address, runs) for name, address in list(pages(client))}
    found = {name: one for name, one in every.items() if not name.endswith(WORKED_OUT)}
    worked_out = {name.removesuffix(WORKED_OUT): every[name] for name in every.keys() - found.keys()}
    preview_seconds, publish_seconds = change(fleet, client, sites)
    dear = [name for name, one in found.items() if one["queries"] > MOST_QUERIES]
    dear += [name for name, one in worked_out.items() if one["milliseconds"] > 1000 * PREVIEW_SECONDS]
    slow = [name for name, most in BARS_MS.items() if found[name]["milliseconds"] > most]
    return {
        "scenario": "desk",
        "edges": edges,
        "sites": sites,
        "runs": runs,
        "pages": found,
        "worked_out": worked_out,
        "preview_seconds": preview_seconds,
        "publish_seconds": publish_seconds,
        "over_the_bars": sorted({*dear, *slow}),
        "held": not dear and not slow and preview_seconds <= PREVIEW_SECONDS,
    }


def show(found: dict[str, Any]) -> None:
    print(f"desk: {found['edges']} edges in {found['sites']} sites, medians of {found['runs']}")
    print(f"{'page':<44}{'queries':>9}{'ms':>9}")
    parts = {f"{name}{WORKED_OUT}": one for name, one in found["worked_out"].items()}
    for name, one in (found["pages"] | parts).items():
        print(f"{name:<44}{one['queries']:>9}{one['milliseconds']:>9}")
    seconds = f"previewed in {found['preview_seconds']} s, published in {found['publish_seconds']} s"
    print(f"half of the fleet: {seconds}")
    bars = f"{MOST_QUERIES} queries, fleet and edge 300 ms, preview {PREVIEW_SECONDS:g} s"
    print(f"bars: {bars} - {'held' if found['held'] else 'NOT held: ' + ', '.join(found['over_the_bars'])}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk")
    parser.add_argument("--edges", type=int, default=10_000)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = publish.with_database(lambda: facts(chosen.edges, chosen.sites, chosen.runs))
    print(json.dumps(found, indent=2)) if chosen.json else show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
