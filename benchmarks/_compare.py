"""Rounds of several servers in turn, so that a machine's moods fall on all of them alike; medians and
ratios.
"""

import contextlib
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import _load
from benchmarks._servers import pin, serving

PACKAGES = ("Django", "djangorestframework", "uvicorn", "uvloop", "httptools", "psycopg", "gunicorn")
WARM_SECONDS = 0.5


@dataclass(frozen=True)
class Contender:
    """A server, what it is asked, and the status that every answer must have."""

    name: str
    command: list[str]
    environment: dict[str, str]
    requests: Sequence[bytes]
    status: int


def rounds(
    contenders: Sequence[Contender], *, count: int, seconds: float, connections: int, var: Path
) -> list[dict[str, Any]]:
    """Every server stays up; each round asks them one after the other."""
    pin((os.cpu_count() or 1) - 1)
    with contextlib.ExitStack() as stack:
        ports = [
            stack.enter_context(serving(each.command, each.environment, var / f"{position}.log"))
            for position, each in enumerate(contenders)
        ]
        for each, port in zip(contenders, ports, strict=True):
            _load.run(port, each.requests, seconds=WARM_SECONDS, connections=connections)
        tallies: list[list[_load.Tally]] = [[] for _ in contenders]
        for _ in range(count):
            for position, (each, port) in enumerate(zip(contenders, ports, strict=True)):
                tally = _load.run(port, each.requests, seconds=seconds, connections=connections)
                if set(tally.statuses) != {each.status}:
                    raise AssertionError(f"{each.name} answered {dict(tally.statuses)}, not {each.status}")
                tallies[position].append(tally)
    return [row(each.name, found) for each, found in zip(contenders, tallies, strict=True)]


def row(name: str, tallies: Sequence[_load.Tally]) -> dict[str, Any]:
    rates = [tally.per_second for tally in tallies]
    return {
        "variant": name,
        "per_second": round(statistics.median(rates)),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "p50_ms": round(statistics.median(tally.wait_ms(0.5) for tally in tallies), 2),
        "p99_ms": round(statistics.median(tally.wait_ms(0.99) for tally in tallies), 2),
        "bytes_an_answer": round(
            statistics.median(tally.bytes_in / sum(tally.statuses.values()) for tally in tallies)
        ),
        "rates": [round(rate) for rate in rates],
    }


def ratio(rows: Sequence[dict[str, Any]], one: str, other: str) -> float:
    """How many times `other` `one` is: the median of the rounds' ratios."""
    found = {each["variant"]: each["rates"] for each in rows}
    pairs = zip(found[one], found[other], strict=True)
    return round(statistics.median(mine / theirs for mine, theirs in pairs), 2)


def circumstances(**more: Any) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "packages": {name: version(name) for name in PACKAGES},
        **more,
    }


def show(found: dict[str, Any]) -> None:
    print(f"{found['scenario']}: {found['method']}")
    print(f"{'variant':<44}{'answers/s':>10}{'(min-max)':>16}{'p50 ms':>9}{'p99 ms':>9}{'bytes':>8}")
    for each in found["results"]:
        spread = f"({each['lowest']}-{each['highest']})"
        print(
            f"{each['variant']:<44}{each['per_second']:>10}{spread:>16}"
            f"{each['p50_ms']:>9}{each['p99_ms']:>9}{each['bytes_an_answer']:>8}"
        )
    for name, value in found["ratios"].items():
        print(f"{name}: {value}")
    print(f"bar: {found['bar']} - {'held' if found['held'] else 'NOT held'}")
