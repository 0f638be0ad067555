"""An organization-wide change to a fleet: read, merged, checked, signed, stored, notified.

    python -m benchmarks.publish [--edges 10000] [--sites 100] [--runs 3] [--json] [--profile]

Two fleets, each with documents of about 46 KB: `alike` (sites differ a little, one edge in ten overrides a
device) and `own_hosts` (every edge has hosts of its own for all its devices). Measured on an embedded
PostgreSQL with its usual durability, in the publishing process. `floor` is the time that Ed25519 takes for as
many manifests in the same run.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

DEVICES, ALARMS = 60, 110
SEED = bytes(range(32))
BAR_SECONDS, GOAL_SECONDS = 10.0, 4.0


def document() -> dict[str, Any]:
    """About 46 KB: a battery, a grid meter, many inverters, an alarm or two for each."""
    devices = [_device("ess0", "tesla_powerwall_2", 10), _device("meter0", "sunspec_meter", 11)]
    devices += [_device(f"pv{number}", "sma_sunny_tripower", 12 + number) for number in range(DEVICES - 2)]
    return {
        "core_cycle": {"period_ms": 1000},
        "sync": {"sync_interval_s": 300},
        "scheduler": {
            "strategy": "fixed_order",
            "controllers": [
                _controller("ctrlLimit0", "LimitTotalDischargeController", 1, {"min_soc": 15}),
                _controller("ctrlPeakShaving0", "PeakShavingController", 2, {"threshold_watts": 50_000}),
                _controller("ctrlBalancing0", "BalancingController", 3, {"target_grid_power": 0}),
            ],
        },
        "modbus_devices": devices,
        "alarms": [_alarm(number) for number in range(ALARMS)],
    }


def _device(name: str, profile: str, host: int) -> dict[str, Any]:
    return {
        "device_id": name,
        "profile": profile,
        "enabled": True,
        "connection": {
            "protocol": "tcp",
            "host": f"10.20.0.{host}",
            "port": 502,
            "unit_id": 1,
            "timeout_ms": 1000,
            "retries": 1,
            "min_request_gap_ms": 0,
            "invalidate_after_errors": 3,
        },
        "expect_serial": f"SN-2024-{host:08d}",
    }


def _controller(name: str, kind: str, order: int, parameters: dict[str, Any]) -> dict[str, Any]:
    known = {"ess_id": "ess0"} if "Limit" in kind else {"ess_id": "ess0", "meter_id": "meter0"}
    return {
        "id": name,
        "class": kind,
        "enabled": True,
        "execution_order": order,
        "parameters": {**known, **parameters},
    }


def _alarm(number: int) -> dict[str, Any]:
    return {
        "id": f"alarm{number}",
        "channel": "ess0/Soc",
        "condition": "<",
        "threshold": 5 + number % 30,
        "hysteresis": 2,
        "for_s": 60,
        "severity": "warning",
        "notification": ["dashboard", "email"],
        "message": f"State of charge is low: step {number} of the escalation, look at the battery",
        "enabled": True,
        "renotify_s": 3600,
    }


def edge_layer(fleet: str, number: int) -> dict[str, Any] | None:
    if fleet == "own_hosts":
        net = f"10.{number // 250 % 250}.{number % 250}"
        devices = document()["modbus_devices"]
        own = [
            {"device_id": one["device_id"], "connection": {"host": f"{net}.{position + 1}"}}
            for position, one in enumerate(devices)
        ]
        return {"modbus_devices": own}
    if number % 10 == 0:
        own_host = f"10.99.{number // 250 % 250}.{number % 250 + 1}"
        return {"modbus_devices": [{"device_id": "ess0", "connection": {"host": own_host}}]}
    return None


def site_layer(number: int) -> dict[str, Any]:
    return {
        "modbus_devices": [{"device_id": "meter0", "connection": {"host": f"10.30.{number % 250}.1"}}],
        "alarms": [{"id": "alarm0", "threshold": 3 + number % 50}],
    }


class Fleet:
    """One organization with its sites and edges, published once."""

    def __init__(self, name: str, edges: int, sites: int) -> None:
        from configs import publishing, registry
        from configs.changes import Actor, Change, Operation
        from configs.models import EdgePins
        from configs.signing import Signer
        from edge_protocol import envelope
        from edges import organizing, tenancy
        from edges.models import Edge, EdgeStatus

        self.now = datetime.now(UTC)
        self.signer = Signer(envelope.signer(envelope.private_key_from_seed(SEED)))
        self.code = name.replace("_", "-")
        self.organization_id = uuid4()
        organizing.create_organization(
            organization_id=self.organization_id, code=self.code, name=name, now=self.now
        )
        number = registry.current(now=self.now)
        with tenancy.scope([self.organization_id]):
            rows = [
                organizing.create_site(
                    organization_id=self.organization_id, code=f"s{index}", name=f"s{index}", now=self.now
                )
                for index in range(sites)
            ]
            made = [
                Edge(
                    organization_id=self.organization_id,
                    site=rows[index % sites],
                    edge_id=f"{self.code}-{index}",
                    stage="in_service",
                    created_at=self.now,
                )
                for index in range(edges)
            ]
            Edge.objects.bulk_create(made, batch_size=2000)
            EdgeStatus.objects.bulk_create(
                [EdgeStatus(organization_id=self.organization_id, edge=one) for one in made], batch_size=2000
            )
            EdgePins.objects.bulk_create(
                [
                    EdgePins(organization_id=self.organization_id, edge=one, registry_id=number)
                    for one in made
                ],
                batch_size=2000,
            )

        def publish(*operations: Operation) -> Any:
            return publishing.publish(
                organization_id=self.organization_id,
                change=Change(reason="benchmark", operations=operations),
                actor=Actor("benchmark"),
                now=self.now,
                signer=self.signer,
            )

        self.publish, self.operation = publish, Operation
        below = [Operation("site", f"s{index}", "set", "", site_layer(index)) for index in range(sites)]
        below += [
            Operation("edge", f"{self.code}-{index}", "set", "", body)
            for index in range(edges)
            if (body := edge_layer(name, index)) is not None
        ]
        publish(*below)

    def set(self, path: str, value: Any) -> Any:
        return self.publish(self.operation("organization", self.code, "set", path, value))


def changes(runs: int) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """What is measured, with a different value each run."""
    threshold = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
    gap = "/modbus_devices/ess0/connection/timeout_ms"
    yield "first version of all", [("", document())]
    yield "a controller's parameter", [(threshold, 40_000 + run) for run in range(runs)]
    yield "a device's field", [(gap, 1500 + run) for run in range(runs)]


def measure(fleet: Fleet, edges: int, runs: int) -> Iterator[dict[str, Any]]:
    for what, steps in changes(runs):
        seconds = []
        for path, value in steps:
            started = time.perf_counter()
            outcome = fleet.set(path, value)
            seconds.append(time.perf_counter() - started)
            if len(outcome.affected) != edges:
                message = f"{len(outcome.affected)} edges of {edges} were reached: {outcome.unaffected[:3]}"
                raise AssertionError(message)
        yield {
            "fleet": fleet.code,
            "change": what,
            "edges": edges,
            "seconds": round(statistics.median(seconds), 2),
            "worst_seconds": round(max(seconds), 2),
            "edges_per_second": round(edges / statistics.median(seconds)),
        }


def floor(edges: int) -> float:
    """Seconds that Ed25519 alone takes for as many manifests."""
    from edge_protocol import envelope

    sign = envelope.signer(envelope.private_key_from_seed(SEED)).sign
    started = time.perf_counter()
    for number in range(edges):
        sign(b"%900d" % number)
    return round(time.perf_counter() - started, 2)


def facts(edges: int, sites: int, runs: int, fleets: list[str]) -> dict[str, Any]:
    from edge_protocol.canonical import canonical

    rows: list[dict[str, Any]] = []
    for name in fleets:
        rows += measure(Fleet(name, edges, sites), edges, runs)
    return {
        "scenario": "publish",
        "edges": edges,
        "sites": sites,
        "runs": runs,
        "document_bytes": len(canonical(document())),
        "floor_ed25519_seconds": floor(edges),
        "bar_seconds": BAR_SECONDS,
        "goal_seconds": GOAL_SECONDS,
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "results": rows,
    }


def show(found: dict[str, Any]) -> None:
    print(
        f"publish: {found['edges']} edges, {found['sites']} sites, documents of "
        f"{found['document_bytes'] / 1000:.0f} KB (without profiles), {found['runs']} runs"
    )
    print(f"{'fleet':<12}{'change':<28}{'median s':>10}{'worst s':>10}{'edges/s':>10}")
    for row in found["results"]:
        print(
            f"{row['fleet']:<12}{row['change']:<28}{row['seconds']:>10}{row['worst_seconds']:>10}"
            f"{row['edges_per_second']:>10}"
        )
    print(f"Ed25519 alone: {found['floor_ed25519_seconds']} s; bar {BAR_SECONDS} s, goal {GOAL_SECONDS} s")


def with_database(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run over an embedded PostgreSQL of one's own, made and removed here."""
    with tempfile.TemporaryDirectory(prefix="ems-bench-") as var:
        os.environ["EMS_VAR"] = var
        os.environ.pop("DATABASE_URL", None)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ems.settings")
        import django

        django.setup()
        from django.db import connections

        from ems import database, setting_up

        with database.supervised(Path(var)):
            setting_up.set_up_database()
            try:
                return act()
            finally:
                connections.close_all()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish")
    parser.add_argument("--edges", type=int, default=10_000)
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fleet", choices=["alike", "own_hosts"], action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    chosen = parser.parse_args()
    profile = cProfile.Profile()
    if chosen.profile:
        profile.enable()
    found = with_database(
        lambda: facts(chosen.edges, chosen.sites, chosen.runs, chosen.fleet or ["alike", "own_hosts"])
    )
    if chosen.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
    print(json.dumps(found, indent=2)) if chosen.json else show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
