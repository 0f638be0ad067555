"""The runtime's command line: `run` the core cycle over a directory, `check` a document, tools for a site."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_runtime.bell import Bell
from edge_runtime.cli_options import (
    add_commission,
    add_field_options,
    add_profile_check,
    add_simulate,
    add_simulate_site,
)

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 stopped cleanly or fit to run; 1 refused; 2 the command or its files are wrong."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == "check":
        return _check(parsed)
    if parsed.command == "simulate-site":
        return _simulate_site(parsed)
    if parsed.command == "profile-check":
        return _profile_check(parsed)
    if parsed.command == "simulate":
        return _simulate(parsed)
    if parsed.command == "commission":
        return _commission(parsed)
    # Before the slow imports: a SIGHUP that arrives while they load must not end the process.
    with Bell(signal.SIGHUP, signal.SIGTERM, signal.SIGINT) as bell:
        return _run(parsed, bell)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ems-runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the document of a directory until SIGTERM; SIGHUP reloads it")
    run.add_argument("--dir", type=Path, required=True, help="holds document.json, receives health.json")
    add_field_options(run)
    check = commands.add_parser("check", help="say what this runtime has against a document")
    check.add_argument("file", type=Path)
    check.add_argument("--site", type=Path, default=None)
    for command in (run, check):
        command.add_argument("--limits", type=Path, default=None, help="the local limits file")
    add_simulate_site(commands)
    add_profile_check(commands)
    add_simulate(commands)
    add_commission(commands)
    return parser


def _simulate_site(parsed: argparse.Namespace) -> int:
    from edge_runtime.simulated.cli_simulate_site import simulate_site

    return simulate_site(parsed)


def _profile_check(parsed: argparse.Namespace) -> int:
    from edge_runtime.modbus.cli_profile_check import profile_check

    return profile_check(parsed)


def _simulate(parsed: argparse.Namespace) -> int:
    from edge_runtime.simulation.cli_simulate import simulate_days

    return simulate_days(parsed)


def _commission(parsed: argparse.Namespace) -> int:
    from edge_runtime.commissioning.cli_commission import commission_site

    return commission_site(parsed)


def _check(parsed: argparse.Namespace) -> int:
    from edge_runtime.checking import Checked, check_file
    from edge_runtime.limits import LimitsError, read_limits
    from edge_runtime.recording import RecordingError
    from edge_runtime.site import SiteError, read_site

    try:
        limits = read_limits(parsed.limits)
        if parsed.site is not None:
            read_site(parsed.site)
    except (LimitsError, SiteError, RecordingError, OSError) as error:
        found = Checked([{"path": "", "rule": "local_files", "detail": str(error)}], [])
    else:
        found = check_file(parsed.file, limits)
    print(json.dumps({"ok": not found.errors, **found._asdict()}, indent=1))
    return REFUSED if found.errors else OK


def _run(parsed: argparse.Namespace, bell: Bell) -> int:
    # Imported only now: see main.
    from edge_runtime.cli_field import FieldChoiceError, choose
    from edge_runtime.core import Core
    from edge_runtime.cycle import Clocks
    from edge_runtime.devices import Devices
    from edge_runtime.ledger import Ledger
    from edge_runtime.limits import LimitsError, read_limits
    from edge_runtime.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        limits = read_limits(parsed.limits)
        chosen = choose(parsed)
    except (LimitsError, FieldChoiceError) as error:
        print(f"ems-runtime: {error}", file=sys.stderr)
        return USAGE
    ledger = Ledger(parsed.dir / "owed.json" if chosen.is_real else None)
    devices = Devices(chosen.field, limits, ledger, may_hang=not chosen.is_real)
    supervisor = Supervisor(
        directory=parsed.dir,
        boot_id=str(uuid.uuid4()),
        core=Core(devices, limits),
        clocks=Clocks(time.monotonic, lambda: datetime.now(UTC), chosen.running_s),
        bell=bell,
    )
    supervisor.run()
    if supervisor.left_hanging:
        logging.shutdown()
        os._exit(OK)  # a thread hangs in a driver and would be waited for without end
    devices.close()
    return OK
