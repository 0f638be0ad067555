"""The relays in one turn: each controller decides, its output is written when it has to be.

An output is written when it differs from what was written last, from what the device shows, or when the
device was met anew. An output that nobody switches any more is switched off; a device whose last controller
went, or that an earlier run of this program switched, is left in its safe state whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from edge_runtime.device import Device
from edge_runtime.image import Image
from edge_runtime.relays import ChannelThreshold
from edge_runtime.roster import Post

Alarms = dict[str, tuple[str, str]]


@dataclass(slots=True)
class Outputs:
    """What was written to one device, as it was when it was met so many times."""

    device: Device
    meetings: int
    written: dict[str, bool | None] = field(default_factory=dict)
    """None: switched by this program, but it is not known to stand so any more."""

    def met_anew(self, device: Device) -> None:
        if self.device is not device or self.meetings != device.meetings:
            self.device, self.meetings = device, device.meetings
            self.written = dict.fromkeys(self.written)

    def shown(self, point: str, image: Image) -> bool | None:
        """How the device itself shows it, where it is asked every cycle."""
        value = image.get(self.device.device_id, point)
        return None if value is None or point not in chain(*self.device.settings.fast) else value != 0


class Switchboard:
    """Every output that this program has switched."""

    def __init__(self) -> None:
        self._outputs: dict[str, Outputs] = {}

    def forget(self, given_up: Iterable[str]) -> None:
        """Devices that were given up have been left in their safe state, or will be, at their old address."""
        for name in given_up:
            self._outputs.pop(name, None)

    def switch(
        self,
        posts: list[tuple[Post, ChannelThreshold]],
        devices: Mapping[str, Device],
        image: Image,
        *,
        go_on: Callable[[], None],
    ) -> Alarms:
        """Run every relay's controller and write what is to be written; alarms of those that know nothing.

        Errors: what `go_on` raises, before any write.
        """
        unsafe: Alarms = {}
        masters: dict[str, dict[str, tuple[Post, bool]]] = {}
        for post, law in posts:
            name, point = law.output.split("/", 1)
            value = image.values.get(law.channel)
            masters.setdefault(name, {})[point] = (post, law.decide(value, image.at_s))
            if value is None:
                message = f"{law.channel} is undefined: {law.output} stays off"
                unsafe[f"_fail_safe_{post.controller_id}"] = (law.channel, message)
        for name, device in devices.items():
            if device.settings.switches:
                self._settle(device, masters.get(name, {}), image, go_on)
        return unsafe

    def _settle(
        self,
        device: Device,
        masters: Mapping[str, tuple[Post, bool]],
        image: Image,
        go_on: Callable[[], None],
    ) -> None:
        go_on()
        outputs = self._outputs.get(device.device_id)
        if device.owed and (not masters or outputs is None) and not device.write_safe_state(insist=False):
            _tell(masters, "its safe state cannot be written yet")
            return
        if not masters:
            self._outputs.pop(device.device_id, None)
            return
        if outputs is None:
            outputs = self._outputs[device.device_id] = Outputs(device, device.meetings)
        outputs.met_anew(device)
        self._switch_off_released(device, outputs, masters, go_on)
        for point, (post, on) in masters.items():
            go_on()
            post.written(self._write(outputs, point, on=on, image=image))

    def _switch_off_released(
        self,
        device: Device,
        outputs: Outputs,
        masters: Mapping[str, tuple[Post, bool]],
        go_on: Callable[[], None],
    ) -> None:
        for point in [point for point in outputs.written if point not in masters]:
            go_on()
            if device.answers and device.write_switch(point, on=False):
                del outputs.written[point]

    def _write(self, outputs: Outputs, point: str, *, on: bool, image: Image) -> str | None:
        """Why the output does not stand as it should, or None."""
        device = outputs.device
        if not device.answers:
            return f"{device.device_id} does not answer"
        stood = outputs.written.get(point) is on
        if stood and outputs.shown(point, image) in (None, on):
            return None
        outputs.written[point] = None
        if not device.write_switch(point, on=on):
            if device.is_writing and device.unheard is None:
                return None
            return str(device.health().get("detail", f"{point} was not taken"))
        outputs.written[point] = on
        words = ("on", "off") if on else ("off", "on")
        return f"{device.device_id}/{point} was switched {words[0]} and shows {words[1]}" if stood else None


def _tell(masters: Mapping[str, tuple[Post, bool]], why: str) -> None:
    for post, _ in masters.values():
        post.written(why)
