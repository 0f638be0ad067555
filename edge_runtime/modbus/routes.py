"""Where a line of the document is dialled: at its own address, or at a simulated site on this machine.

Documents name real hosts and go on doing so. A simulation file maps them to loopback or pseudo-terminals:

    {"10.20.0.11:502": "127.0.0.1:15021", "/dev/ttyUSB0": "/dev/pts/4"}

It is given on the runtime's own command line, belongs to root or to whoever runs the runtime, is writable by
nobody else, and is all or nothing: a host that it does not name is not dialled at all.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edge_runtime.field import UnreachableError
from edge_runtime.modbus.lines import Route

PSEUDO_TERMINAL: Final = re.compile(r"/dev/pts/[0-9]{1,6}")
WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class RoutesError(Exception):
    """A simulation file that is not to be trusted, or not right."""


def read_routes(path: Path) -> Route:
    """Errors: RoutesError says what is wrong with the file."""
    try:
        with path.open("rb") as file:
            _refuse_strangers(path, os.fstat(file.fileno()))
            body = json.loads(file.read())
    except (OSError, ValueError) as error:
        raise RoutesError(f"{path}: {error}") from error
    if not isinstance(body, dict):
        raise RoutesError(f"{path}: must be an object")
    return _route({end: _loopback(path, end, target) for end, target in body.items()})


def _refuse_strangers(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise RoutesError(f"{path}: belongs to somebody else")
    if found.st_mode & WRITABLE_BY_OTHERS or not stat.S_ISREG(found.st_mode):
        raise RoutesError(f"{path}: must be a file that only its owner can write")


def _loopback(path: Path, end: str, target: Any) -> str:
    if isinstance(target, str) and PSEUDO_TERMINAL.fullmatch(target):
        return target
    host, _, port = str(target).rpartition(":")
    try:
        fine = ipaddress.ip_address(host).is_loopback and 0 < int(port) < 65536
    except ValueError:
        fine = False
    if not fine:
        raise RoutesError(f"{path}: {end} leads to {target}, which is no loopback address with a port")
    return str(target)


def _route(targets: Mapping[str, str]) -> Route:
    def route(end: str) -> str:
        if end not in targets:
            raise UnreachableError(f"{end} is not part of the simulated site")
        return targets[end]

    return route
