"""A recorded house: hourly means, read back at any instant by straight lines between the hours' middles."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge_protocol.instants import parse_instant

HOUR_S = 3600.0
COLUMNS = ("hour_from", "grid_import_w", "grid_export_w", "pv_w")
SHIPPED = Path(__file__).parent / "data"


class RecordingError(Exception):
    """A recording that cannot be read."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the house used and what its roof gave, in watts, both positive."""

    load_watts: float
    pv_watts: float


@dataclass(frozen=True, slots=True)
class Recording:
    """Means of whole hours in a row from `first_hour_at`; read beyond its end it begins again."""

    first_hour_at: datetime
    hours: Sequence[Moment]

    def at(self, moment_at: datetime) -> Moment:
        position = (moment_at - self.first_hour_at) / timedelta(hours=1) - 0.5
        index = int(position // 1)
        share = position - index
        one, other = self.hours[index % len(self.hours)], self.hours[(index + 1) % len(self.hours)]
        return Moment(
            load_watts=one.load_watts + share * (other.load_watts - one.load_watts),
            pv_watts=one.pv_watts + share * (other.pv_watts - one.pv_watts),
        )


def read_recording(path: Path) -> Recording:
    """Read `hour_from,grid_import_w,grid_export_w,pv_w`: use = import - export + production.

    Errors: RecordingError names the file and the row that is not an hour after the one before.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise RecordingError(f"{path}: the columns must be {', '.join(COLUMNS)}")
        rows = [(parse_instant(row["hour_from"]), _moment(row)) for row in reader]
    if not rows:
        raise RecordingError(f"{path}: no rows")
    first = rows[0][0]
    for index, (hour_at, _) in enumerate(rows):
        if hour_at != first + timedelta(hours=index):
            raise RecordingError(f"{path}: row {index + 2} is not one hour after the row before")
    return Recording(first, tuple(moment for _, moment in rows))


def _moment(row: dict[str, str]) -> Moment:
    imported, exported, pv = (float(row[column]) for column in COLUMNS[1:])
    return Moment(load_watts=imported - exported + pv, pv_watts=pv)
