"""`ems-runtime simulate`: days of the recorded house in seconds, judged by what was physically possible."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError
from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.core import CoreError
from edge_runtime.document import MOST_BYTES, Document, DocumentUnreadableError, make_document
from edge_runtime.limits import LimitsError, read_limits
from edge_runtime.recording import SHIPPED, RecordingError
from edge_runtime.simulation.chart import chart
from edge_runtime.simulation.report import Report, judge
from edge_runtime.simulation.run import simulate
from edge_runtime.site import SiteError, read_site

OK: Final = 0
NOT_GOOD: Final = 1
USAGE: Final = 2


def simulate_days(parsed: argparse.Namespace) -> int:
    """Exit codes: 0 a good run; 1 energy, a limit or an avoidable peak was not held; 2 files are wrong."""
    try:
        document = _document(parsed.document, parsed.period_ms)
        site, limits = read_site(parsed.site or SHIPPED / "example_site.json"), read_limits(parsed.limits)
        outcome = simulate(document, site, limits, days=parsed.days, clock=time.perf_counter)
    except (DocumentUnreadableError, SiteError, RecordingError, LimitsError, OSError) as error:
        print(f"ems-runtime simulate: {error}", file=sys.stderr)
        return USAGE
    except CoreError as error:
        print(f"ems-runtime simulate: the core cycle ended: {error.code}: {error}", file=sys.stderr)
        return NOT_GOOD
    report = judge(document, site, limits, outcome)
    if parsed.chart is not None:
        parsed.chart.write_text(chart(outcome.trace, report.thresholds), encoding="utf-8")
    _show(report, as_json=parsed.json, whole=parsed.report)
    return OK if report.is_good else NOT_GOOD


def _document(path: Path | None, period_ms: int | None) -> Document:
    """A document as an operator writes it: the shipped profiles that it names are added where it has none."""
    path = path or SHIPPED / "example_document.json"
    try:
        body: Any = parse(path.read_bytes(), max_bytes=MOST_BYTES)
    except ProtocolError as error:
        raise DocumentUnreadableError(f"{path}: {error}") from error
    if isinstance(body, dict) and "profiles" not in body and "modbus_devices" in body:
        body["profiles"] = named_profiles(body, builtin_profiles())
    if isinstance(body, dict) and period_ms is not None:
        body["core_cycle"] = {**body.get("core_cycle", {}), "period_ms": period_ms}
    return make_document(body)


def _show(report: Report, *, as_json: bool, whole: bool) -> None:
    if as_json:
        print(json.dumps(report.to_dict() if whole else report.facts(), indent=1))
    else:
        print("\n".join(report.lines()))
