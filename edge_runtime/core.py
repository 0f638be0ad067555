"""One turn of the core cycle: poll, freeze the image, run the controllers, send, judge the alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from edge_runtime import laws
from edge_runtime.alarms import AlarmEngine
from edge_runtime.connections import Connections, connections_of
from edge_runtime.controllers import Inputs
from edge_runtime.device import Device
from edge_runtime.devices import Devices
from edge_runtime.document import Document
from edge_runtime.image import Image, freeze
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits
from edge_runtime.roster import Post, Roster
from edge_runtime.set_points import SetPoints, written
from edge_runtime.settings import DeviceSettings
from edge_runtime.sharing import Share, share_of
from edge_runtime.signs import SignWatch
from edge_runtime.switching import Switchboard
from edge_runtime.totals import totals

WAITS_IN_A_WATCHDOG = 3
"""A cycle waits for its devices so much shorter than its watchdog does for the cycle."""

GoOn = Callable[[], None]

GRID_MODE: Final = "GridMode"
OFF_GRID: Final = "OFF_GRID"


class CoreError(Exception):
    """The core cycle cannot go on: `code` says which of its rules was broken."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class AbandonedError(Exception):
    """This cycle was given up by the watchdog while it hung: it must not touch anything any more."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The instants of one turn: monotonic seconds, wall time, and the plant's own running time."""

    now_s: float
    now_at: datetime
    plant_s: float
    cycle_values: Mapping[str, float]
    still_mine: Callable[[], bool]

    def go_on(self) -> None:
        """Asked before everything that is written or noted. Errors: AbandonedError."""
        if not self.still_mine():
            raise AbandonedError


class Core:
    """What runs, whole: devices, controllers, alarms. Used by one cycle thread at a time."""

    def __init__(self, devices: Devices, limits: LocalLimits) -> None:
        self._devices = devices
        self._limits = limits
        self._roster = Roster()
        self._alarms = AlarmEngine()
        self._signs = SignWatch()
        self._switchboard = Switchboard()
        self._document: Document | None = None
        self._set_points = SetPoints()
        self._safe_states: dict[str, bool] | None = None
        self._failed_turns = 0
        self._active_alarms: list[dict[str, Any]] = []
        self.loaded_sections: tuple[str, ...] = ()

    def load(self, document: Document) -> None:
        """Take in a document at a cycle boundary; only the sections that differ touch anything."""
        changed = document.differs(self._document)
        self._devices.period_s = document.period_ms / 1000
        self._devices.within_s = document.supervisor["watchdog_timeout_ms"] / 1000 / WAITS_IN_A_WATCHDOG
        if "modbus_devices" in changed or "profiles" in changed:
            before = {name: device.settings for name, device in self._devices.by_id.items()}
            given_up = self._devices.load(document.devices, document.profiles)
            self._set_points.forget(given_up)
            self._switchboard.forget(given_up)
            self._forget_signs(before)
        if "scheduler" in changed:
            self._roster.load(document.sections["scheduler"], document.controllers)
        if "alarms" in changed:
            self._alarms.load(document.alarms)
        self._document = document
        self._safe_states = None
        self._failed_turns = 0
        self.loaded_sections = changed

    def turn(self, turn: Turn) -> None:
        """Errors: CoreError when controllers fail too often in a row; whatever a driver throws."""
        document = self._document
        assert document is not None  # noqa: S101 - the cycle starts with its first document
        self._devices.poll(turn.now_s, turn.now_at)
        turn.go_on()
        image = self._image(turn)
        self._set_points.look_after(self._devices.by_id)
        self._roster.bind(self._devices.by_id)
        if document.safe_mode and not (self._safe_states and all(self._safe_states.values())):
            insist = self._safe_states is None
            self._safe_states = self._devices.write_safe_states(insist=insist, in_cycle=True)
        unsafe = self._drive(image, turn.go_on)
        unsafe |= self._switchboard.switch(
            self._roster.switching, self._devices.by_id, image, go_on=turn.go_on
        )
        turn.go_on()
        unsafe |= self._not_let_go() | self._not_heard()
        own = unsafe | self._devices.alarms() | self._signs.wrong() | _overrunning(turn, document)
        self._active_alarms = self._alarms.judge(self._channels(image, turn), turn.now_s, turn.now_at, own)
        self._count_failures(document)

    def stop(self) -> dict[str, bool]:
        """Leave every device in its safe state; which of them took it."""
        taken = self._devices.write_safe_states()
        self._set_points.forget(written(taken))
        self._switchboard.forget(written(taken))
        return taken

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """What stands since the last turn."""
        return self._active_alarms

    def health(self) -> dict[str, Any]:
        return {
            "controllers": self._roster.health(),
            "devices": self._devices.health(),
            "alarms": self._active_alarms,
            "alarm_book": self._alarms.book(),
            "safe_mode": None if self._safe_states is None else {"written": self._safe_states},
            "set_points": self._set_points.rounded,
        }

    def _image(self, turn: Turn) -> Image:
        values = {
            f"{name}/{point}": value
            for name, device in self._devices.by_id.items()
            for point, value in device.values.items()
        }
        return freeze(turn.plant_s, turn.now_at, values | totals(self._devices.by_id))

    def _drive(self, image: Image, go_on: GoOn) -> dict[str, tuple[str, str]]:
        """One battery after the other; what limits allow them all together is used up on the way."""
        unsafe: dict[str, tuple[str, str]] = {}
        share = share_of(self._limits)
        for ess in self._devices.by_id.values():
            go_on()
            posts = self._roster.of(ess.device_id) if ess.settings.role == "ess" else []
            if posts and _is_off_grid(ess, image):
                unsafe |= self._stand_aside(ess, posts, image)
            elif posts:
                unsafe |= self._steer(ess, posts, image, share, go_on)
            elif not ess.settings.switches:
                self._let_go(ess)
        return unsafe

    def _steer(
        self, ess: Device, posts: list[Post], image: Image, share: Share, go_on: GoOn
    ) -> dict[str, tuple[str, str]]:
        ess_id = ess.device_id
        meter_id = next((post.meter_id for post in posts if post.meter_id is not None), None)
        connections = connections_of(ess_id, self._roster.posts, self._devices.by_id, self._limits)
        word = self._decide(ess, posts, image, share, meter_id, connections)
        refused = self._set_points.send(ess, posts, round(word.watts), go_on)
        sent = self._set_points.at_worst(ess_id)
        behind = {*connections.limits, *(post.meter_id for post in posts if post.meter_id is not None)}
        share.take(behind, sent=sent, measured=image.get(ess_id, "ActivePower"))
        if meter_id is not None:
            ess_watts = image.get(ess_id, "ActivePower")
            alone = _alone(image.get(meter_id, "ActivePower"), image.get("_sum", "EssActivePower"), ess_watts)
            self._signs.note((ess_id, meter_id), grid=alone, ess=ess_watts, sent=sent)
        return _fail_safe(ess_id, word) | refused

    def _stand_aside(self, ess: Device, posts: list[Post], image: Image) -> dict[str, tuple[str, str]]:
        """Off-grid the battery makes the grid itself: nothing is sent, and the controllers begin anew.

        What was sent last ends by itself; where it would not, the battery is left in its safe state once.
        """
        ess_id = ess.device_id
        self._signs.forget(ess_id)
        self._set_points.forget([ess_id])
        inputs = _inputs(ess, None, image, Interval(0.0, 0.0), None)
        for post in posts:
            post.run(inputs, inputs.power)
        message = "off-grid: no set-points are sent"
        if ess.owed and ess.settings.reversion is None and not ess.write_safe_state(insist=False):
            message = f"{message}, but the last one still stands: {ess.trouble}"
        return {f"_off_grid_{ess_id}": (f"{ess_id}/{GRID_MODE}", message)}

    def _decide(
        self,
        ess: Device,
        posts: list[Post],
        image: Image,
        share: Share,
        meter_id: str | None,
        connections: Connections,
    ) -> laws.LastWord:
        power = _allowed_power(ess).narrow(share.left.low, share.left.high)
        sent = self._set_points.of(ess.device_id)
        inputs = _inputs(ess, share.grid(meter_id, image), image, power, sent)
        left = power
        for post in posts:
            own = post.meter_id != meter_id
            seen = replace(inputs, grid_watts=share.grid(post.meter_id, image)) if own else inputs
            left = post.run(seen, left)
        wanted = self._ramped(ess, left.least_effort, inputs)
        limits, ess_watts = ess.settings.limits, inputs.ess_watts

        def shown(meter: str) -> float | None:
            return share.grid(meter, image)

        guard = laws.Guard(
            power=inputs.power,
            soc_percent=inputs.soc_percent,
            soc_min=limits.get("soc_min", 0),
            soc_max=limits.get("soc_max", 100),
            grid_known=(meter_id is None or inputs.grid_watts is not None) and connections.is_known(shown),
            power_known=not connections.asks_for_power(ess_watts),
            connections=connections.judged(shown, ess_watts),
        )
        return laws.last_word(wanted, guard)

    def _ramped(self, ess: Device, wanted: float, inputs: Inputs) -> float:
        """From the set-point that stands; where none is known to, from the power that flows."""
        ramp, document = ess.settings.limits.get("ramp_w_per_s"), self._document
        if ramp is None or document is None:
            return wanted
        before = inputs.ess_watts if inputs.sent_watts is None else inputs.sent_watts
        return laws.ramped(wanted, before or 0.0, ramp * document.period_ms / 1000)

    def _forget_signs(self, before: Mapping[str, DeviceSettings]) -> None:
        """Of devices that are others now, or are read otherwise; no new limit puts a wrong sign right."""
        after = {name: device.settings for name, device in self._devices.by_id.items()}
        for name, settings in before.items():
            if name not in after or after[name].signs != settings.signs:
                self._signs.forget_device(name)

    def _let_go(self, ess: Device) -> None:
        """No controller drives it any more: its safe state once, then hands off."""
        self._signs.forget(ess.device_id)
        if ess.owed:
            ess.write_safe_state(insist=False)
        if not ess.owed:
            self._set_points.forget([ess.device_id])

    def _not_let_go(self) -> dict[str, tuple[str, str]]:
        """Devices that were driven, that nobody drives any more, and that have not taken their safe state."""
        driven = self._roster.driven
        return {
            f"_not_let_go_{name}": (
                f"{name}/ActivePower",
                f"nobody drives {name}, and it has not taken its safe state: {device.trouble}",
            )
            for name, device in self._devices.by_id.items()
            if device.owed and name not in driven
        }

    def _not_heard(self) -> dict[str, tuple[str, str]]:
        """Devices that a controller drives and that did not answer their last write, whatever they read."""
        driven = self._roster.driven
        return {
            f"_write_failed_{name}": (
                f"{name}/ActivePower",
                f"{name} takes no writes ({device.unheard}): its safe state is tried now and then",
            )
            for name, device in self._devices.by_id.items()
            if device.unheard is not None and name in driven
        }

    def _channels(self, image: Image, turn: Turn) -> dict[str, float | None]:
        states = {
            f"{post.controller_id}/State": float(post.state.endswith("_failed"))
            for post in self._roster.posts
        }
        return {**image.values, **turn.cycle_values, **states}

    def _count_failures(self, document: Document) -> None:
        failing = self._roster.failing
        self._failed_turns = self._failed_turns + 1 if failing else 0
        if self._failed_turns >= document.supervisor["max_consecutive_failures"]:
            raise CoreError("max_consecutive_failures", str(failing[0].error))


def _overrunning(turn: Turn, document: Document) -> dict[str, tuple[str, str]]:
    overruns = turn.cycle_values["_cycle/Overruns"]
    if overruns < document.supervisor["overrun_alert_threshold"]:
        return {}
    message = f"{overruns:.0f} cycles in a row took longer than the period of {document.period_ms} ms"
    return {"_cycle_overrun": ("_cycle/MeasuredCycleTime", message)}


def _inputs(ess: Device, grid: float | None, image: Image, power: Interval, sent: float | None) -> Inputs:
    return Inputs(
        grid_watts=grid,
        ess_watts=image.get(ess.device_id, "ActivePower"),
        soc_percent=image.get(ess.device_id, "Soc"),
        power=power,
        at_s=image.at_s,
        now_at=image.now_at,
        soc_max=ess.settings.limits.get("soc_max", 100),
        sent_watts=sent,
    )


def _is_off_grid(ess: Device, image: Image) -> bool:
    """Whether its profile has a point for it and that says so; unknown is not off."""
    off = ess.settings.points.get(GRID_MODE, {}).get("symbols", {}).get(OFF_GRID)
    return off is not None and image.get(ess.device_id, GRID_MODE) == off


def _allowed_power(ess: Device) -> Interval:
    """The document's limits within the device's rating and its set-point's room; nothing known, nothing."""
    charge, discharge = ess.power_rating or (math.inf, math.inf)
    limits = ess.settings.limits
    charge = min(charge, limits.get("max_charge_w", math.inf))
    discharge = min(discharge, limits.get("max_discharge_w", math.inf))
    low, high = ess.set_point_room
    return Interval(
        max(-charge, low) if math.isfinite(charge) else 0.0,
        min(discharge, high) if math.isfinite(discharge) else 0.0,
    )


def _fail_safe(ess_id: str, word: laws.LastWord) -> dict[str, tuple[str, str]]:
    missing = [reason for reason in word.reasons if reason.endswith("_undefined")]
    if not missing:
        return {}
    message = f"{', '.join(missing)}: the battery stays at 0 W"
    return {f"_fail_safe_{ess_id}": (f"{ess_id}/ActivePower", message)}


def _alone(grid: float | None, all_ess: float | None, ess: float | None) -> float | None:
    """The grid's power as it would be without every other battery."""
    return None if grid is None or all_ess is None or ess is None else grid + all_ess - ess
