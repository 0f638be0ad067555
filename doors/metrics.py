"""Counters, gauges and histograms of this process, in the Prometheus text format.

Each process answers for itself; Prometheus adds processes up.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LabelValues = tuple[str, ...]

_registered: list["Counter | Gauge | Histogram"] = []


def _line(name: str, labels: Sequence[tuple[str, str]], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Counter:
    """Only goes up."""

    kind = "counter"

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels
        self._values: dict[LabelValues, float] = {} if labels else {(): 0.0}
        self._lock = threading.Lock()
        _registered.append(self)

    def add(self, amount: float = 1, **labels: str) -> None:
        key = tuple(labels[name] for name in self.labels)
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + amount

    def value(self, **labels: str) -> float:
        return self._values.get(tuple(labels[name] for name in self.labels), 0.0)

    def items(self) -> list[tuple[LabelValues, float]]:
        with self._lock:
            return sorted(self._values.items())

    def lines(self) -> list[str]:
        return [
            _line(self.name, list(zip(self.labels, key, strict=True)), value) for key, value in self.items()
        ]


class Gauge:
    """Read when asked."""

    kind = "gauge"

    def __init__(self, name: str, meaning: str) -> None:
        self.name, self.meaning = name, meaning
        self.read: Callable[[], float] = lambda: 0.0
        _registered.append(self)

    def lines(self) -> list[str]:
        return [_line(self.name, (), self.read())]


class Histogram:
    """Seconds, in cumulative buckets."""

    kind = "histogram"

    def __init__(
        self, name: str, meaning: str, labels: tuple[str, ...], bounds_seconds: tuple[float, ...]
    ) -> None:
        self.name, self.meaning, self.labels, self.bounds = name, meaning, labels, bounds_seconds
        self._counts: dict[LabelValues, list[int]] = {}
        self._sums: dict[LabelValues, float] = {}
        self._lock = threading.Lock()
        _registered.append(self)

    def observe(self, seconds: float, **labels: str) -> None:
        key = tuple(labels[name] for name in self.labels)
        with self._lock:
            counts = self._counts.setdefault(key, [0] * (len(self.bounds) + 1))
            for position, bound in enumerate(self.bounds):
                counts[position] += seconds <= bound
            counts[-1] += 1
            self._sums[key] = self._sums.get(key, 0.0) + seconds

    def lines(self) -> list[str]:
        with self._lock:
            snapshot = [(key, list(counts), self._sums[key]) for key, counts in sorted(self._counts.items())]
        return [line for key, counts, total in snapshot for line in self._series(key, counts, total)]

    def _series(self, key: LabelValues, counts: list[int], total: float) -> list[str]:
        labels = list(zip(self.labels, key, strict=True))
        bounds = [f"{bound:g}" for bound in self.bounds] + ["+Inf"]
        series = [
            _line(f"{self.name}_bucket", [*labels, ("le", bound)], count)
            for bound, count in zip(bounds, counts, strict=True)
        ]
        return [
            *series,
            _line(f"{self.name}_sum", labels, total),
            _line(f"{self.name}_count", labels, counts[-1]),
        ]


REQUESTS = Counter("ems_http_requests_total", "HTTP answers of Django.", ("route", "method", "status"))
SECONDS = Histogram(
    "ems_http_request_seconds",
    "Time to answer, inside Django.",
    ("route",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSED_BY_LIMIT = Counter("ems_rate_limited_total", "Requests refused by a limit.", ("limit",))
FAST_LANE = Counter(
    "ems_fast_lane_total", "Polls answered before Django, and handed over to it.", ("outcome",)
)
SOCKETS = Gauge("ems_sockets", "Open edge sockets.")
NOTICES = Counter("ems_notices_sent_total", "Notices put into sockets.", ("type",))
FEED_GAPS = Counter("ems_feed_gaps_total", "Times the feed had to read everything again.")
FEED_LISTENING = Gauge("ems_feed_listening", "1 while this process hears NOTIFY.")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class MetricsMiddleware:
    """Counts answers by route pattern, so that ids never become labels."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = monotonic()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.add(1, route=route, method=str(method), status=str(response.status_code))
        SECONDS.observe(monotonic() - started, route=route)
        return response


def answered() -> tuple[int, int]:
    """Answers of Django since this process began, and those among them that failed (5xx); probes apart."""
    every = [
        (status, int(value))
        for (route, _, status), value in REQUESTS.items()
        if not route.startswith(("health", "metrics"))
    ]
    return sum(value for _, value in every), sum(value for status, value in every if status >= "500")


def exposition() -> str:
    """Everything registered, as Prometheus reads it."""
    lines = []
    for metric in _registered:
        lines += [
            f"# HELP {metric.name} {metric.meaning}",
            f"# TYPE {metric.name} {metric.kind}",
            *metric.lines(),
        ]
    return "\n".join(lines) + "\n"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """`GET /metrics`."""
    response = HttpResponse(exposition(), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response
