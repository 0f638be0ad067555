"""`ems-runtime commission`: a guided test of every device's identity, sign and scale, written down."""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError
from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.cli_field import FieldChoiceError, choose
from edge_runtime.commissioning.findings import PASSED, Protocol
from edge_runtime.commissioning.run import Desk, Settings, Site, commission
from edge_runtime.devices import Devices
from edge_runtime.document import MOST_BYTES, Document, DocumentUnreadableError, make_document
from edge_runtime.ledger import Ledger
from edge_runtime.limits import LimitsError, read_limits

OK: Final = 0
NOT_PASSED: Final = 1
USAGE: Final = 2


class RunningError(Exception):
    """A runtime drives these devices now."""


def commission_site(parsed: argparse.Namespace) -> int:
    """Exit codes: 0 everything passed; 1 something failed or stays open; 2 options or files are wrong."""
    try:
        document = _document(parsed)
        chosen, limits = choose(parsed), read_limits(parsed.limits)
        lock = _runtime_lock(parsed.dir)
        parsed.out.mkdir(parents=True, exist_ok=True)
    except (FieldChoiceError, DocumentUnreadableError, LimitsError, RunningError, OSError) as error:
        print(f"ems-runtime commission: {error}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, _interrupted)
    with lock:
        ledger = Ledger(None if parsed.dir is None else parsed.dir / "owed.json")
        bank = Devices(chosen.field, limits, ledger)
        site = Site(document, chosen.field, bank, limits)
        protocol = commission(site, _settings(parsed), _desk(parsed.yes))
    _keep(protocol, parsed.out, as_json=parsed.json)
    return OK if protocol.verdict == PASSED else NOT_PASSED


def _document(parsed: argparse.Namespace) -> Document:
    if parsed.document is None and parsed.dir is None:
        raise DocumentUnreadableError("name the runtime's folder with --dir, or a document with --document")
    path: Path = parsed.document or parsed.dir / "document.json"
    try:
        body: Any = parse(path.read_bytes(), max_bytes=MOST_BYTES)
    except ProtocolError as error:
        raise DocumentUnreadableError(f"{path}: {error}") from error
    if isinstance(body, dict) and "profiles" not in body and "modbus_devices" in body:
        body["profiles"] = named_profiles(body, builtin_profiles())
    return make_document(body)


def _runtime_lock(directory: Path | None) -> Any:
    """The agent's runtime holds a lock while it lives; taken here, none can begin meanwhile."""
    path = Path("/dev/null") if directory is None else directory / "runtime.lock"
    file = path.open("a+b")
    try:
        if directory is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise RunningError(
            f"a runtime is running over {directory}: stop the agent first, or two would write to one device"
        ) from error
    return file


def _settings(parsed: argparse.Namespace) -> Settings:
    simulated = parsed.field == "recorded" or parsed.simulation is not None
    return Settings(
        watts=parsed.power,
        settle_s=parsed.settle_s,
        samples=parsed.samples,
        sample_s=parsed.sample_s,
        only=parsed.device or (),
        by=parsed.by,
        field="simulated" if simulated else "modbus",
    )


def _desk(yes: bool) -> Desk:
    never = threading.Event()
    return Desk(
        ask=(lambda _: None) if yes else _ask,
        may=(lambda _: True) if yes else _may,
        wait=never.wait,
        seconds=time.monotonic,
        wall_at=lambda: datetime.now(UTC),
    )


def _ask(question: str) -> bool | None:
    print(f"{question} [y/n, Enter to skip] ", end="", file=sys.stderr, flush=True)
    try:
        answer = input().strip().lower()
    except EOFError:
        return None
    return None if not answer else answer.startswith("y")


def _may(question: str) -> bool:
    return _ask(question) is True


def _interrupted(number: int, frame: object) -> NoReturn:
    del number, frame
    raise SystemExit(NOT_PASSED)


def _keep(protocol: Protocol, folder: Path, *, as_json: bool) -> None:
    """Both forms beside each other, named by edge and time; one of them on the screen."""
    stamp = protocol.begun_at.translate(str.maketrans("", "", "-:"))
    name = f"commissioning-{protocol.edge_id or 'edge'}-{stamp}"
    whole = json.dumps(protocol.to_dict(), indent=1)
    text = "\n".join([*protocol.lines(), ""])
    for suffix, body in ((".json", whole + "\n"), (".txt", text)):
        (folder / f"{name}{suffix}").write_text(body, encoding="utf-8")
    print(whole if as_json else text)
    print(f"written: {folder / name}.json and .txt", file=sys.stderr)
