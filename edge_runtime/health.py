"""The health file: what the agent knows of the runtime, replaced whole each time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_health(path: Path, body: Mapping[str, Any]) -> None:
    """Readers see the old file or the new one, never a part. It need not survive a power cut: no fsync."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(body, indent=1, allow_nan=False), encoding="utf-8")
    beside.replace(path)
