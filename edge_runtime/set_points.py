"""What each battery was told last, for as long as that is known to stand, and what it refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge_runtime.device import Device
from edge_runtime.roster import Post

Alarms = dict[str, tuple[str, str]]


class SetPoints:
    """By battery. What was refused, lost or given up is forgotten: nobody knows what stands there."""

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}

    @property
    def rounded(self) -> dict[str, int]:
        return {name: round(watts) for name, watts in self._sent.items()}

    def of(self, ess_id: str) -> float | None:
        return self._sent.get(ess_id)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._sent.pop(name, None)

    def send(self, ess: Device, posts: Iterable[Post], watts: int) -> Alarms:
        """Tell a battery that answers; its controllers learn what did not reach it. A refusal is an alarm."""
        if not ess.answers:
            return {}
        if ess.write_power(watts):
            self._sent[ess.device_id] = watts
            return {}
        self.forget([ess.device_id])
        why = ess.refusal or str(ess.health().get("detail", f"{ess.device_id} does not answer"))
        for post in posts:
            if post.state == "ok":
                post.written(f"{watts} W: {why}")
        return _refused(ess)


def _refused(ess: Device) -> Alarms:
    if ess.refusal is None:
        return {}
    left = "it is left in its safe state" if ess.rests else "and its safe state as well: nobody drives it"
    message = f"{ess.device_id} refuses its set-point ({ess.refusal}): {left}"
    return {f"_refused_{ess.device_id}": (f"{ess.device_id}/ActivePower", message)}


def written(safe: Mapping[str, bool]) -> list[str]:
    """Those whose safe state was taken."""
    return [name for name, done in safe.items() if done]
