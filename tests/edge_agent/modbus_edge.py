"""An edge whose agent drives the real runtime over simulated Modbus devices."""

import copy
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_protocol.registry import builtin_profiles, named_profiles
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge
from tests.edge_runtime.modbus.processes import SiteProcess
from tests.edge_runtime.plant import DEMO, Json

RUNTIME = ("-m", "edge_runtime")


def modbus_edge(
    folder: Path, cloud: CloudSimulator, site: SiteProcess, runtime: Sequence[str] = RUNTIME
) -> Edge:
    """Not enrolled yet. `runtime`: what Python runs, up to the command of the runtime's own line."""
    program = [sys.executable, *runtime]
    return Edge(
        folder,
        cloud,
        start=[*program, "run", "--dir", "{directory}", "--field", "modbus", "--simulation", str(site.map)],
        validate=[*program, "check", "{file}"],
        apply_timeout_s=20,
        restore_timeout_s=30,
        validate_timeout_s=20,
        stop_timeout_s=8,
    )


def sections(period_ms: int = 500, **changes: Json | list[Json]) -> Json:
    """The demo's document as a version carries it, with the profiles that its devices name."""
    made = {**copy.deepcopy(DEMO), "core_cycle": {"period_ms": period_ms}, **copy.deepcopy(changes)}
    return {**made, "profiles": copy.deepcopy(dict(named_profiles(made, builtin_profiles())))}
