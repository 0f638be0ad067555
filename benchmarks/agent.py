"""The edge agent: memory, idle processor time, a 304 poll on the wire, a 46 KB version from bytes to file.

    python -m benchmarks.agent [--idle-seconds 30] [--versions 40] [--json]

A real agent process with its notice socket stands idle over a small runtime and a document of 46 KB. The poll
goes through a relay that counts bytes, to our real server. The version is verified, checked and written by
the agent's own code in this process, `time.process_time` around it; the driver's validator, a program of its
own, is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import _fleet, poll, publish
from benchmarks._servers import serving, uvicorn
from edge_agent.clocks import Clock
from edge_agent.cloud import Cloud, Document, Held, Unchanged
from edge_agent.keyring import Keyring
from edge_agent.reports import Identity
from edge_agent.road import Road
from edge_agent.runner import Agent
from edge_agent.settings import load_settings
from edge_agent.starting import open_core
from edge_agent.states import Acknowledged, HealthHeld
from edge_agent.version import VERSION
from edge_protocol.canonical import canonical, parse
from edge_protocol.registry import builtin_profiles, named_profiles
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge

BARS = {"rss_mib": 50.0, "idle_percent": 1.0, "poll_bytes": 900, "version_ms": 10.0}


def document(threshold: int) -> dict[str, Any]:
    """Of 46 KB with its derived profiles; a new threshold makes a new version."""
    whole = publish.document()
    whole["modbus_devices"] = whole["modbus_devices"][:-8]  # the profiles take their place
    kept = {device["device_id"] for device in whole["modbus_devices"]}
    whole["alarms"] = [one for one in whole["alarms"] if one["channel"].split("/")[0] in kept]
    whole["scheduler"]["controllers"][1]["parameters"]["threshold_watts"] = threshold
    return {**whole, "profiles": named_profiles(whole, builtin_profiles())}


# --- a real process at rest


def at_rest(seconds: float) -> dict[str, Any]:
    with CloudSimulator() as cloud, tempfile.TemporaryDirectory(prefix="ems-bench-") as folder:
        edge = Edge(Path(folder), cloud)
        edge.enroll()
        sections = document(50_000)
        cloud.publish({**sections, "sync": {"probation_s": 6}})
        edge.start(PYTHONOPTIMIZE="2", MALLOC_ARENA_MAX="2")  # as the systemd unit does
        try:
            cloud.wait_status(1, "confirmed", within_s=60)
            assert edge.agent is not None
            return rest_of(edge.agent.pid, seconds)
        finally:
            edge.close()


def rest_of(pid: int, seconds: float) -> dict[str, Any]:
    """From /proc: resident memory, processor seconds, and how often it woke up."""
    before, woke = processor_s(pid), switches(pid)
    threading.Event().wait(seconds)
    used = processor_s(pid) - before
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    rss_kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return {
        "rss_mib": round(rss_kib / 1024, 1),
        "idle_percent": round(100 * used / seconds, 2),
        "wakes_per_second": round((switches(pid) - woke) / seconds, 1),
    }


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def switches(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))


# --- a poll with nothing new, against our server


@contextmanager
def counting(port: int, counted: list[int]) -> Iterator[int]:
    """A relay to `port` that adds up what passes both ways."""
    listening = socket.create_server(("127.0.0.1", 0))

    def copy(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                counted.append(len(data))
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", port))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def one_poll() -> dict[str, Any]:
    var = Path(os.environ["EMS_VAR"])
    (asker, *_), _ = _fleet.make(1, var)
    environment = {"EMS_LIMITS": poll.LIMITS, **poll.served()}
    counted: list[int] = []
    (var / "key").write_text(asker.key)
    with (
        serving(uvicorn("ems.asgi:application"), environment, var / "server.log") as port,
        counting(port, counted) as relay,
    ):
        road = Road(f"http://127.0.0.1:{relay}", user_agent=f"ems-agent/{VERSION}", ca_file=None, proxy=None)
        cloud = Cloud(road, Keyring(var / "key"), asker.edge_id)
        held = Held(2, asker.etag, asker.issued_at)
        sizes = []
        for _ in range(5):
            counted.clear()
            assert cloud.fetch(held) == Unchanged(None)
            sizes.append(sum(counted))
        road.close()
    return {"poll_bytes": round(statistics.median(sizes))}


# --- one version from its bytes to document.json


def versions(count: int) -> dict[str, Any]:
    with CloudSimulator() as cloud, tempfile.TemporaryDirectory(prefix="ems-bench-") as folder:
        edge = Edge(Path(folder), cloud, start=None)
        edge.enroll()
        settings = load_settings(edge.data)
        core = open_core(settings.data, Clock(), lambda: str(uuid.uuid4()))
        agent = Agent(
            settings,
            core,
            uniform=lambda least, _: least,
            identity=Identity(VERSION, str(uuid.uuid4()), None),
        )
        taken = [one_version(agent, cloud, 40_000 + number) for number in range(count)]
        size = len(canonical(cloud.body_of(cloud.versions[-1])))
        core.store.close()
    taken = taken[count // 4 :]  # the first ones compile schemas
    return {
        "version_ms": round(statistics.median(taken), 2),
        "version_ms_highest": round(max(taken), 2),
        "document_kb": round(size / 1000, 1),
    }


def one_version(agent: Agent, cloud: CloudSimulator, threshold: int) -> float:
    """Milliseconds of processor time; the signature is made before, the confirmation after."""
    number = cloud.publish(document(threshold))
    published = cloud.versions[-1]
    body, manifest = canonical(cloud.body_of(published)), cloud.manifest_of(published).to_header()
    started = time.process_time()
    agent.mover.intake.take(Document(parse(body, max_bytes=1 << 22), manifest, None, len(body)))
    judged = agent.mover.intake.judge(agent.core.state.next)  # type: ignore[arg-type]
    agent.mover.validated(judged, None)  # type: ignore[arg-type]
    spent = time.process_time() - started
    pending = agent.core.state.pending
    assert pending is not None
    assert pending.number == number
    agent.mover.advance(Acknowledged(pending))
    deadline = agent.core.state.deadline
    assert deadline is not None
    agent.core.state = agent.core.state.__class__(**{**_members(agent.core.state), "deadline": None})
    agent.mover.advance(HealthHeld(pending))
    return spent * 1000


def _members(state: Any) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__dataclass_fields__}


def facts(seconds: float, count: int) -> dict[str, Any]:
    found = {**at_rest(seconds), **versions(count), **publish.with_database(one_poll)}
    return {
        "scenario": "agent",
        "method": f"idle for {seconds:g} s; median of {count} versions; poll over loopback without TLS",
        "circumstances": {"python": sys.version.split()[0], "cpus": os.cpu_count()},
        "results": found,
        "bars": BARS,
        "held": all(found[name] <= bar for name, bar in BARS.items()),
    }


def show(found: dict[str, Any]) -> None:
    print(f"{found['scenario']}: {found['method']}")
    for name, value in found["results"].items():
        bar = found["bars"].get(name)
        print(f"  {name:<20}{value:>10}" + (f"   bar <= {bar:g}" if bar is not None else ""))
    print("held" if found["held"] else "NOT held")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agent")
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    parser.add_argument("--versions", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = facts(chosen.idle_seconds, chosen.versions)
    print(json.dumps(found, indent=2)) if chosen.json else show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
