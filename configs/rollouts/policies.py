"""What a person asks of a rollout: a preset or waves, and any knob. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from configs.changes import selector_complaint
from configs.refusals import ChangeError, ChangeRefused
from configs.rollouts.states import Policy

ON_FAIL = ("hold", "roll_back_wave", "roll_back_all")
ADVANCE = ("automatic", "manual")
MOST_WAVES = 100


@dataclass(frozen=True, slots=True)
class Share:
    """Which edges a wave takes, of those that no earlier one took. One of the three is given.

    `percent` counts from the beginning: waves of 5, 25 and 100 end at 5, 25 and 100 % of all targets.
    """

    name: str = ""
    selector: Mapping[str, Any] | None = None
    count: int | None = None
    percent: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}

    def words(self) -> str:
        if self.name:
            return self.name
        if self.count is not None:
            return f"{self.count} edge{'s' if self.count > 1 else ''}"
        if self.percent is not None:
            return f"up to {self.percent:g} %"
        return "selected edges" if self.selector is not None else "the rest"


@dataclass(frozen=True, slots=True)
class Preset:
    shares: tuple[Share, ...]
    policy: Policy


PRESETS: Mapping[str, Preset] = {
    "careful": Preset(
        (Share(count=1), Share(percent=5), Share(percent=25), Share(percent=100)),
        Policy(
            rate_per_minute=60,
            per_site=1,
            bake_seconds=1800,
            bad_percent=2,
            pass_percent=95,
            minimum_coverage_percent=90,
            maximum_wait_seconds=24 * 3600,
        ),
    ),
    "normal": Preset((Share(percent=5), Share(percent=25), Share(percent=100)), Policy(per_site=5)),
    "emergency": Preset(
        (Share(percent=10), Share(percent=100)),
        Policy(bake_seconds=0, minimum_coverage_percent=50, maximum_wait_seconds=1800),
    ),
}
NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Wish:
    """`preset`: where waves and knobs come from that are not given."""

    preset: str = NORMAL
    shares: Sequence[Share] | None = None
    knobs: Mapping[str, Any] | None = None

    @property
    def policy(self) -> Policy:
        return replace(PRESETS[self.preset].policy, **(self.knobs or {}))

    @property
    def waves(self) -> tuple[Share, ...]:
        return tuple(PRESETS[self.preset].shares if self.shares is None else self.shares)


_RANGES: Mapping[str, tuple[float, float]] = {
    "rate_per_minute": (1, 1_000_000),
    "per_site": (1, 1_000_000),
    "settle_seconds": (1, 7 * 86_400),
    "bake_seconds": (0, 30 * 86_400),
    "bad_limit": (1, 1_000_000),
    "bad_percent": (0, 100),
    "minimum_sample": (1, 1_000_000),
    "pass_percent": (0, 100),
    "minimum_coverage_percent": (0, 100),
    "maximum_wait_seconds": (1, 90 * 86_400),
    "stragglers_per_site": (1, 1_000_000),
}
_CHOICES = {"on_fail": ON_FAIL, "advance": ADVANCE}
OPTIONAL = frozenset({"rate_per_minute", "per_site", "bad_limit"})  # null: no limit


def check(wish: Wish) -> None:
    """Errors: ChangeRefused with every knob and wave that makes no sense."""
    wrong = [] if wish.preset in PRESETS else [("preset", f"preset is one of {', '.join(PRESETS)}")]
    for name, value in (wish.knobs or {}).items():
        wrong += [(name, detail) for detail in _knob(name, value)]
    if not 1 <= len(wish.shares or [1]) <= MOST_WAVES:
        wrong.append(("waves", f"a rollout has 1 to {MOST_WAVES} waves"))
    for position, share in enumerate(wish.shares or ()):
        wrong += [(f"waves/{position}", detail) for detail in _share(share)]
    if wrong:
        errors = [ChangeError(None, f"/{path}", "rollout", None, detail) for path, detail in wrong]
        raise ChangeRefused(errors)


def _knob(name: str, value: Any) -> list[str]:
    if name in _CHOICES:
        return [] if value in _CHOICES[name] else [f"{name} is one of {', '.join(_CHOICES[name])}"]
    if name not in _RANGES:
        return [f"a rollout has no {name}"]
    low, high = _RANGES[name]
    if value is None and name in OPTIONAL:
        return []
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        return [f"{name} is a number from {low:g} to {high:g}"]
    return []


def _share(share: Share) -> list[str]:
    given = [one for one in (share.selector, share.count, share.percent) if one is not None]
    if len(given) != 1:
        return ["a wave names one of selector, count and percent"]
    complaint = None if share.selector is None else selector_complaint(share.selector)
    if complaint is not None:
        return [complaint]
    if share.count is not None and share.count < 1:
        return ["count is at least 1"]
    if share.percent is not None and not 0 < share.percent <= 100:
        return ["percent is above 0 and at most 100"]
    return []
