"""`ems-agent enroll`: the token comes by standard input, a file or the environment, never as an argument."""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid

from edge_agent import exit_codes
from edge_agent.clocks import Clock
from edge_agent.enrolling import EnrollError, Wish, enroll
from edge_agent.road import NotTheServerError, RefusedError, RoadError
from edge_agent.settings import SettingsError, check_server_url, runtime_driver
from edge_agent.store import StoreError, folder_lock
from edge_protocol.errors import ProtocolError


def enroll_command(parsed: argparse.Namespace) -> int:
    """Exit codes: 0 enrolled, 1 failure, 2 usage, 75 try again, 77 refused."""
    token = _token(parsed)
    if not token:
        print("ems-agent: pass the token on standard input or as EMS_ENROLLMENT_TOKEN", file=sys.stderr)
        return exit_codes.USAGE
    try:
        wish = _wish(parsed, token)
        parsed.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folder_lock(parsed.data):
            settings = enroll(parsed.data, wish, Clock(), lambda: str(uuid.uuid4()))
    except (EnrollError, RoadError, ProtocolError, SettingsError, StoreError, OSError) as error:
        print(f"ems-agent: {getattr(error, 'detail', error)}", file=sys.stderr)
        return _code(error)
    if parsed.json:
        print(json.dumps({"edge_id": settings.edge_id, "edge_uid": settings.edge_uid}))
    else:
        print(f"This is now {settings.edge_id}. Start it with `ems-agent --data {settings.data} run`.")
    return exit_codes.OK


def _token(parsed: argparse.Namespace) -> str:
    if parsed.token_file is not None:
        return str(parsed.token_file.read_text()).strip()
    if os.environ.get("EMS_ENROLLMENT_TOKEN"):
        return os.environ["EMS_ENROLLMENT_TOKEN"].strip()
    return "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.readline().strip()


def _wish(parsed: argparse.Namespace, token: str) -> Wish:
    driver = None
    directory = parsed.runtime_directory or parsed.data / "runtime"
    if parsed.site is not None:
        limits = parsed.limits.resolve() if parsed.limits else None
        driver = runtime_driver(directory.resolve(), parsed.site.resolve(), limits)
    elif parsed.runtime_directory is not None:
        driver = {"kind": "process", "directory": str(directory.resolve())}
    return Wish(
        server_url=check_server_url(parsed.server),
        token=token,
        root_sha256=parsed.root_sha256,
        trust_on_first_use=parsed.trust_on_first_use,
        ca_file=parsed.ca_file,
        proxy=parsed.proxy,
        limits_file=str(parsed.limits.resolve()) if parsed.limits else None,
        driver=driver,
    )


def _code(error: Exception) -> int:
    if isinstance(error, EnrollError | RefusedError | ProtocolError):
        return exit_codes.REFUSED
    if isinstance(error, NotTheServerError | SettingsError | StoreError):
        return exit_codes.FAILURE
    return exit_codes.TRY_AGAIN if isinstance(error, RoadError) else exit_codes.FAILURE
