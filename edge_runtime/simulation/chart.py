"""A run as one picture: the connection with and without batteries, the roof, the charge. Plain SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge_runtime.simulation.trace import Trace

WIDTH: Final = 1200
LEFT: Final = 70
RIGHT: Final = 20
POWER_TOP: Final = 60
POWER_HEIGHT: Final = 320
CHARGE_TOP: Final = 430
CHARGE_HEIGHT: Final = 120
HEIGHT: Final = 600
POINTS: Final = 700
COLOURS: Final = {
    "without": "#9aa0a6",
    "with": "#1a73e8",
    "roof": "#f9ab00",
    "limit": "#d93025",
    "charge": "#188038",
}


@dataclass(frozen=True, slots=True)
class _Scale:
    """Watts or percent to picture units, top down."""

    low: float
    high: float
    top: float
    height: float

    def at(self, value: float) -> float:
        return self.top + self.height * (self.high - value) / (self.high - self.low)


def chart(trace: Trace, thresholds: Sequence[float]) -> str:
    """The picture as one SVG document. Powers are means of equal parts of the run."""
    lines = {
        "with": _means(trace.grid),
        "roof": _means(trace.pv),
        "without": _means([load - pv for load, pv in zip(trace.load, trace.pv, strict=True)]),
    }
    values = [value for line in lines.values() for value in line]
    asked = min(thresholds, default=math.inf)
    power, step = _power_scale(min([0.0, *values]), max([1.0, *values]))
    charge = _Scale(0, 100, CHARGE_TOP, CHARGE_HEIGHT)
    body = [
        *_head(trace),
        *_grid_lines(power, step, "W"),
        *_grid_lines(charge, 50, "%"),
        *_days(trace),
        _path(lines["roof"], power, "roof", fill=True),
        _path(lines["without"], power, "without"),
        _path(lines["with"], power, "with"),
        *[_path(_means(shown), charge, "charge") for shown in trace.shown.values()],
    ]
    if math.isfinite(asked):
        height = power.at(asked)
        body.append(_line(LEFT, height, WIDTH - RIGHT, height, COLOURS["limit"], dashed=True))
    return "\n".join([*body, "</svg>", ""])


def _head(trace: Trace) -> Iterator[str]:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    style = 'font-family="sans-serif" font-size="13" fill="#202124" role="img"'
    end_at = trace.start_at + timedelta(seconds=trace.cycles * trace.step_s)
    title = f"Simulated from {trace.start_at:%Y-%m-%d %H:%M} to {end_at:%Y-%m-%d %H:%M} UTC"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {box} {style}>'
    yield f"<title>{title}</title>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{LEFT}" y="24" font-size="16">{title}</text>'
    legend = (
        ("with", "import"),
        ("without", "import without battery"),
        ("roof", "roof"),
        ("limit", "threshold"),
        ("charge", "charge of the battery"),
    )
    for place, (name, words) in enumerate(legend):
        x = LEFT + 200 * place
        yield f'<rect x="{x}" y="35" width="14" height="10" fill="{COLOURS[name]}"/>'
        yield f'<text x="{x + 20}" y="45">{words}</text>'


def _grid_lines(scale: _Scale, step: float, unit: str) -> Iterator[str]:
    value = scale.low
    while value <= scale.high:
        height = scale.at(value)
        yield _line(LEFT, height, WIDTH - RIGHT, height, "#bdc1c6" if value == 0 else "#e8eaed")
        yield f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{value:.0f} {unit}</text>'
        value += step


def _days(trace: Trace) -> Iterator[str]:
    whole_s = trace.cycles * trace.step_s
    day: datetime = trace.start_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while (since_s := (day - trace.start_at).total_seconds()) < whole_s:
        x = LEFT + (WIDTH - LEFT - RIGHT) * since_s / whole_s
        yield _line(x, POWER_TOP, x, CHARGE_TOP + CHARGE_HEIGHT, "#e8eaed")
        yield f'<text x="{x:.1f}" y="{HEIGHT - 25}" text-anchor="middle">{day:%a %d %b}</text>'
        day += timedelta(days=1)


def _path(values: Sequence[float], scale: _Scale, name: str, *, fill: bool = False) -> str:
    step = (WIDTH - LEFT - RIGHT) / max(len(values) - 1, 1)
    points = " ".join(
        f"{LEFT + step * place:.1f},{scale.at(value):.1f}" for place, value in enumerate(values)
    )
    if not fill:
        return f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"/>'
    base = scale.at(max(scale.low, 0.0))
    around = f"{LEFT},{base:.1f} {points} {WIDTH - RIGHT},{base:.1f}"
    return f'<polygon points="{around}" fill="{COLOURS[name]}" fill-opacity="0.25"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def _means(values: Sequence[float]) -> list[float]:
    size = max(len(values) // POINTS, 1)
    return [sum(part) / len(part) for part in (values[at : at + size] for at in range(0, len(values), size))]


def _power_scale(low: float, high: float) -> tuple[_Scale, float]:
    """From whole step to whole step around the values, with at most eight steps."""
    rough = (high - low) / 6
    tens = 10.0 ** math.floor(math.log10(rough))
    step = next(size * tens for size in (1, 2, 5, 10) if size * tens >= rough)
    bounds = step * math.floor(low / step), step * math.ceil(high / step)
    return _Scale(*bounds, POWER_TOP, POWER_HEIGHT), step
