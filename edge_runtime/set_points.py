"""What each battery was told last, for as long as that is known to stand, and what it refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edge_runtime.device import Device
from edge_runtime.roster import Post

Alarms = dict[str, tuple[str, str]]


class SetPoints:
    """By battery. Known to stand is what a battery took that has answered ever since and was not met anew."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._stands: dict[str, int] = {}

    @property
    def rounded(self) -> dict[str, int]:
        return {name: round(self._told[name]) for name in self._stands}

    def of(self, ess_id: str) -> float | None:
        return self._told[ess_id] if ess_id in self._stands else None

    def at_worst(self, ess_id: str) -> float:
        """What it may still be doing: what was told to one that is silent now counts in sums of limits."""
        return self._told.get(ess_id, 0.0)

    def forget(self, names: Iterable[str]) -> None:
        """Those that are in their safe state, or somebody else's affair."""
        for name in names:
            self._told.pop(name, None)
            self._stands.pop(name, None)

    def look_after(self, devices: Mapping[str, Device]) -> None:
        """Once a turn, after the devices were read: a battery that was away may have gone back by itself."""
        for name, meetings in list(self._stands.items()):
            device = devices.get(name)
            if device is None or not device.answers or device.meetings != meetings:
                del self._stands[name]

    def send(self, ess: Device, posts: Iterable[Post], watts: int, go_on: Callable[[], None]) -> Alarms:
        """Tell a battery that answers; its controllers learn what did not reach it. A refusal is an alarm.

        Errors: what `go_on` raises, before anything is written and before anything is noted of it.
        """
        go_on()
        if not ess.owed:
            self.forget([ess.device_id])
        asked = ess.answers
        taken = asked and ess.write_power(watts)
        go_on()
        if taken:
            self._told[ess.device_id], self._stands[ess.device_id] = watts, ess.meetings
            return {}
        if ess.unheard is None and not asked:
            return {}
        self._stands.pop(ess.device_id, None)
        if ess.refusal is None and ess.owed:
            self._told[ess.device_id] = max(self.at_worst(ess.device_id), watts, key=abs)
        if ess.is_writing and ess.unheard is None:
            return {}
        why = ess.refusal or str(ess.health().get("detail", f"{ess.device_id} does not answer"))
        for post in posts:
            if post.state == "ok":
                post.written(f"{watts} W: {why}")
        return self._refused(ess)

    def _refused(self, ess: Device) -> Alarms:
        if ess.refusal is None:
            return {}
        if ess.rests:
            self._told[ess.device_id] = 0.0
        left = "it is left in its safe state" if ess.rests else "and its safe state as well: nobody drives it"
        message = f"{ess.device_id} refuses its set-point ({ess.refusal}): {left}"
        return {f"_refused_{ess.device_id}": (f"{ess.device_id}/ActivePower", message)}


def written(safe: Mapping[str, bool]) -> list[str]:
    """Those whose safe state was taken."""
    return [name for name, done in safe.items() if done]
