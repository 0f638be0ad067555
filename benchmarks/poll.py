"""Polls with nothing new: a conditional GET that rotates over the fleet, answered 304.

    python -m benchmarks.poll [--edges 10000] [--rounds 3] [--seconds 3] [--connections 64] [--json]

Ours through the fast lane, with the key checked, limits kept and last use noted, against (a) the view that a
Django developer would usually write (DRF, djangorestframework-api-key, select_related, merge, json.dumps,
SHA-256) on gunicorn with four threads, and (b) the least that an ASGI server can do. One server process each,
on one processor; the generator on the other; PostgreSQL wherever the system puts it. The organization's limit
is raised, for all edges ask from one place as fast as they can; the keys' limit stands.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import _compare, _fleet, publish
from benchmarks._load import get
from benchmarks._servers import gunicorn, uvicorn

LIMITS = '{"organization": [1000000, 100000, 200, 5]}'
OURS, DJANGO, USUAL, RAW = "fast lane", "our DRF view", "usual view, gunicorn gthread x4", "raw ASGI, uvicorn"
BAR = 10.0


def contenders(askers: list[_fleet.Asker], environment: dict[str, str]) -> list[_compare.Contender]:
    def path(one: _fleet.Asker) -> str:
        return f"/api/v1/edges/{one.edge_id}/config"

    def ours(one: _fleet.Asker, **more: str) -> bytes:
        held = {"If-None-Match": one.etag, "EMS-Manifest-Issued": one.issued_at}
        return get(path(one), {"Authorization": f"Bearer {one.key}", **held, **more})

    usual_tags = usual_etags(askers)
    usual = [
        get(
            path(one), {"Authorization": f"Api-Key {one.usual_key}", "If-None-Match": usual_tags[one.edge_id]}
        )
        for one in askers
    ]
    server = uvicorn("ems.asgi:application")
    mine = {"EMS_LIMITS": LIMITS, "LOG_LEVEL": "WARNING", **served()}
    return [
        _compare.Contender(OURS, server, mine, [ours(one) for one in askers], 304),
        _compare.Contender(DJANGO, server, mine, [ours(one, Cookie="a=b") for one in askers], 304),
        _compare.Contender(
            USUAL, gunicorn("benchmarks.usual_view.wsgi:application"), environment, usual, 304
        ),
        _compare.Contender(RAW, uvicorn("benchmarks._raw_asgi:application"), {}, [ours(askers[0])], 304),
    ]


def served() -> dict[str, str]:
    """What our server needs to know of the benchmark's database."""
    from django.conf import settings

    from ems import database

    return {
        "EMS_VAR": str(settings.EMS_VAR),
        "DATABASE_URL": database.cluster(settings.EMS_VAR).url(database.APP),
    }


def usual_etags(askers: list[_fleet.Asker]) -> dict[str, str]:
    """The tags that the usual view computes, computed as it does."""
    import hashlib

    from benchmarks.usual_view.merging import merge

    tags = {}
    sites = {number: merge(_fleet.document(), publish.site_layer(number)) for number in range(_fleet.SITES)}
    for one in askers:
        number = int(one.edge_id.rpartition("-")[2])
        document = merge(sites[number % _fleet.SITES], publish.edge_layer("alike", number) or {})
        text = json.dumps({"version": 1, "edge_id": one.edge_id, **document}, sort_keys=True)
        tags[one.edge_id] = '"' + hashlib.sha256(text.encode()).hexdigest() + '"'
    return tags


def facts(edges: int, count: int, seconds: float, connections: int) -> dict[str, Any]:
    var = Path(os.environ["EMS_VAR"])
    askers, environment = _fleet.make(edges, var)
    rows = _compare.rounds(
        contenders(askers, environment), count=count, seconds=seconds, connections=connections, var=var
    )
    times = _compare.ratio(rows, OURS, USUAL)
    return {
        "scenario": "poll",
        "method": f"{edges} edges, {connections} connections, {count} rounds of {seconds:g} s, medians",
        "circumstances": _compare.circumstances(edges=edges, rounds=count, seconds=seconds),
        "results": rows,
        "ratios": {
            "times the usual view": times,
            "share of raw ASGI": _compare.ratio(rows, OURS, RAW),
            "our DRF view, times the usual view": _compare.ratio(rows, DJANGO, USUAL),
        },
        "bar": f">= {BAR:g} x the usual view",
        "held": times >= BAR,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.poll")
    parser.add_argument("--edges", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = publish.with_database(
        lambda: facts(chosen.edges, chosen.rounds, chosen.seconds, chosen.connections)
    )
    print(json.dumps(found, indent=2)) if chosen.json else _compare.show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
