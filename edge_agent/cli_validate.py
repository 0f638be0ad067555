"""`ems-agent validate FILE`: every check of a document that needs no signature, here on the edge."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from edge_agent import exit_codes
from edge_agent.driver import ProcessDriver
from edge_agent.limits import LimitsError, breach, read_limits
from edge_agent.plant import Plant
from edge_agent.settings import AgentSettings
from edge_protocol import schema, semantics
from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError
from edge_protocol.layout import ENVELOPE_MEMBERS

MOST_BYTES = 4 * 1024 * 1024


def validate(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    """Exit codes: 0 fit to run, 1 the file cannot be read, 5 rejected."""
    try:
        document = parse(parsed.file.read_bytes(), max_bytes=MOST_BYTES)
    except (OSError, ProtocolError) as error:
        print(f"ems-agent: {parsed.file} cannot be read: {error}", file=sys.stderr)
        return exit_codes.FAILURE
    found = _findings(document, settings) if isinstance(document, dict) else [_finding("", "not an object")]
    errors = [one for one in found if one["severity"] == "error"]
    if parsed.json:
        print(json.dumps({"ok": not errors, "findings": found}, indent=1))
    else:
        for one in found:
            print(f"{one['severity']}: {one['path']}: {one['rule']}: {one['detail']}")
        print("rejected" if errors else "fit to run")
    return exit_codes.REJECTED if errors else exit_codes.OK


def _finding(path: str, detail: str, rule: str = "shape", severity: str = "error") -> dict[str, str]:
    return {"path": path, "rule": rule, "detail": detail, "severity": severity}


def _findings(document: dict[str, Any], settings: AgentSettings) -> list[dict[str, str]]:
    sections = {name: value for name, value in document.items() if name not in ENVELOPE_MEMBERS}
    violations = schema.check(sections)
    if violations:
        return [_finding(one.path, one.detail, one.rule) for one in violations]
    found = [
        _finding(one.path, one.detail, one.rule, one.severity)
        for one in semantics.check(sections, profiles=sections.get("profiles", {}))
    ]
    try:
        reason = breach(read_limits(settings.limits_file), sections)
    except LimitsError as error:
        return [*found, _finding("", str(error), "local_limits")]
    if reason is None:
        drivers = [ProcessDriver(one, lambda _: None) for one in settings.drivers]
        reason = Plant(drivers, settings.edge_id).validate(sections)
    return found if reason is None else [*found, _finding("", reason.detail, reason.code)]
