"""`simulate-site`: a simulated site as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_runtime.recording import RecordingError
from edge_runtime.simulated.running import SimulatedSite, read_simulated_site
from edge_runtime.site import SiteError

TICK_S: Final = 0.05
OWNER_ONLY: Final = 0o600
OK: Final = 0
USAGE: Final = 2


def simulate_site(parsed: argparse.Namespace) -> int:
    """Exit codes: 0 after a signal; 2 when the files are wrong or a port is taken."""
    try:
        return asyncio.run(_serve(parsed))
    except (SiteError, RecordingError, OSError, RuntimeError) as error:
        print(f"ems-runtime: {error}", file=sys.stderr)
        return USAGE


async def _serve(parsed: argparse.Namespace) -> int:
    site = read_simulated_site(parsed.site, clock=time.monotonic, speed=parsed.speed)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    ends = await site.start()
    if parsed.map is not None:
        replace_file(parsed.map, json.dumps(ends, indent=1))
    print(json.dumps({"listening": ends}), flush=True)
    try:
        await _pass_time(site, ended, parsed.state)
    finally:
        await site.stop()
    return OK


async def _pass_time(site: SimulatedSite, ended: asyncio.Event, state: Path | None) -> None:
    while not ended.is_set():
        await site.tick()
        if state is not None:
            replace_file(state, json.dumps(site.state()))
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), TICK_S)


def replace_file(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
