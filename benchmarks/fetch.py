"""Fetches that bring something: the whole document and a delta, answered 200.

    python -m benchmarks.fetch [--edges 10000] [--rounds 3] [--seconds 3] [--connections 64] [--json]

The ready bytes through the fast lane against the whole document of the usual view (the method is that of
benchmarks/poll.py). Ours carries the device profiles as well, so its document is several times as large.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import _compare, _fleet, poll, publish
from benchmarks._load import get
from benchmarks._servers import gunicorn, uvicorn

FULL, DELTA = "full document, fast lane", "delta, fast lane"
USUAL = "usual view, whole document, gunicorn gthread x4"
BAR = 1.0  # 20 once the bytes are kept in the process


def contenders(askers: list[_fleet.Asker], environment: dict[str, str]) -> list[_compare.Contender]:
    def ours(one: _fleet.Asker, call: str) -> bytes:
        return get(f"/api/v1/edges/{one.edge_id}/{call}", {"Authorization": f"Bearer {one.key}"})

    usual = [
        get(f"/api/v1/edges/{one.edge_id}/config", {"Authorization": f"Api-Key {one.usual_key}"})
        for one in askers
    ]
    server, mine = uvicorn("ems.asgi:application"), {"EMS_LIMITS": poll.LIMITS, **poll.served()}
    return [
        _compare.Contender(FULL, server, mine, [ours(one, "config") for one in askers], 200),
        _compare.Contender(DELTA, server, mine, [ours(one, "config/delta?since=1") for one in askers], 200),
        _compare.Contender(
            USUAL, gunicorn("benchmarks.usual_view.wsgi:application"), environment, usual, 200
        ),
    ]


def facts(edges: int, count: int, seconds: float, connections: int) -> dict[str, Any]:
    var = Path(os.environ["EMS_VAR"])
    askers, environment = _fleet.make(edges, var)
    rows = _compare.rounds(
        contenders(askers, environment), count=count, seconds=seconds, connections=connections, var=var
    )
    full, delta = (_compare.ratio(rows, name, USUAL) for name in (FULL, DELTA))
    return {
        "scenario": "fetch",
        "method": f"{edges} edges, {connections} connections, {count} rounds of {seconds:g} s, medians",
        "circumstances": _compare.circumstances(edges=edges, rounds=count, seconds=seconds),
        "results": rows,
        "ratios": {"full document, times the usual view": full, "delta, times the usual view": delta},
        "bar": f">= {BAR:g} x the usual view",
        "held": min(full, delta) >= BAR,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch")
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
