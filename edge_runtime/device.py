"""One device of the document: polled block by block, undefined when it fails, written only when it may be."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from edge_protocol.instants import format_instant
from edge_runtime.blocks import Block
from edge_runtime.field import FieldDevice, FieldError, UnreachableError
from edge_runtime.second_look import SecondLook
from edge_runtime.settings import SET_POINT, DeviceSettings
from edge_runtime.writing import Beside, Pen, back_off_s

Book = Callable[["Device"], None]
"""Told when a device begins to owe a safe state (`owed`), and when it owes none any more."""


def forget(device: Device) -> None:
    """The book of a runtime that keeps none."""
    del device


class Device:
    """Polls one field device; knows what it last said, whether it answers, and whether it may be written.

    A device that failed is probed beside the cycle, so one lock stands between its readers and writers.
    `meetings` counts how often it was met anew: what was written before may be gone since.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        device: FieldDevice,
        book: Book = forget,
        beside: Beside | None = None,
    ) -> None:
        self.settings = settings
        self.owed = False
        self.is_late = self._is_known = False
        self._device = device
        self._book = book
        self._lock = threading.Lock()
        self._pen = Pen(beside)
        self._values: dict[str, float | None] = dict.fromkeys(chain(*settings.fast, *settings.slow))
        self.meetings = 0
        self._failures = self._errors = self._next_slow = 0
        self._now_s = self._retry_at_s = 0.0
        self._last_read_at: datetime | None = None
        self._last_read_s = -math.inf
        self._session: int | None = None
        self._serial_error: str | None = None
        self._trouble: str | None = "not read yet"
        self._wrong: dict[str, str] = {}
        self._second_look = SecondLook()
        self._refused: str | None = None
        self.refusal: str | None = None
        self.rests = False

    @property
    def device_id(self) -> str:
        return self.settings.device_id

    @property
    def values(self) -> Mapping[str, float | None]:
        """Undefined while an answer is overdue: nobody knows how old they are."""
        return dict.fromkeys(self._values) if self.is_late else self._values

    @property
    def answers(self) -> bool:
        return self._session is not None and self._failures == 0 and not self.is_late

    @property
    def was_read(self) -> bool:
        """It answered the last time that it was asked; others are probed now and then."""
        known = self._last_read_at is not None and self._session is not None
        return (known or self._is_known) and self._failures == 0

    def take_over(self, before: Device) -> None:
        """The same device with other settings: what it owes stays, and it is waited for if it answered."""
        self.owed, self._is_known = before.owed, before.was_read

    @property
    def is_writing(self) -> bool:
        """A write is under way that the cycle does not wait for any longer."""
        return self._pen.is_busy

    @property
    def unheard(self) -> str | None:
        """Why its last write got no answer, however well it can be read, or None."""
        return self._pen.unheard

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._retry_at_s

    @property
    def refuses_writes(self) -> str | None:
        """Why nothing is written to it, or None."""
        return self._serial_error

    @property
    def power_rating(self) -> tuple[float, float] | None:
        rating = self._device.power_rating()
        return (rating.max_charge_watts, rating.max_discharge_watts) if rating else None

    @property
    def set_point_room(self) -> tuple[float, float]:
        """The least and the most watts that its set-point can hold."""
        rating = self._device.power_rating()
        return rating.room if rating else (-math.inf, math.inf)

    def poll(self, now_s: float, now_at: datetime) -> None:
        """Read every fast block and one slow one, unless the device is being left alone after a failure."""
        with self._lock:
            self._now_s = now_s
            if now_s < self._retry_at_s:
                return
            values: dict[str, float | None] = {}
            self._is_known = False
            if self._device.missing() and self._second_look.is_due(now_s):
                self._meet_anew()
            try:
                self._identify()
                for block in (*self.settings.fast, *self._slow_turn()):
                    values |= self._device.read(block)
            except FieldError as error:
                self._failed(str(error))
            else:
                self._failures = 0
                self._last_read_at, self._last_read_s = now_at, now_s
                self._trouble = self._take(values)

    def expire(self, now_s: float, period_s: float) -> None:
        """Values of a failing device are undefined after so many periods: a failure may take longer."""
        if self._failures and now_s - self._last_read_s > (self.settings.invalidate_after - 0.5) * period_s:
            self._invalidate()

    def write_power(self, watts: int) -> bool:
        """Send a set-point under its reversion time; False when the device may not be written or fails.

        False as well while it has not answered (`is_writing`). A device that did not take its last write
        (`unheard`) gets its safe state first, and that only now and then.

        The reversion time goes first: no set-point stands for a moment without it. A device that refuses one
        (`refusal` says why) gets its safe state (`rests`), and again before each further try: the reversion
        time of a refused set-point must not keep the one before it alive.
        """
        return self._tell(lambda: self._write_power(watts))

    def _write_power(self, watts: int) -> bool:
        if self.refusal is not None:
            self.rests = self._rest()
            if not self.rests:
                return False
        writes: list[tuple[str, float]] = [(SET_POINT, watts)]
        if self.settings.reversion is not None:
            writes.insert(0, self.settings.reversion)
        before, self._refused = self.refusal, None
        taken = self._drive(writes)
        self.refusal = None if taken else self._refused or before
        if self.refusal is not None and before is None:
            self.rests = self._rest()
        return taken

    def write_switch(self, point: str, *, on: bool) -> bool:
        """Switch one output; False when the device may not be written or fails."""
        return self._tell(lambda: self._drive([(point, float(on))]))

    def write_safe_state(self, *, insist: bool = True) -> bool:
        """The profile's safe writes, or 0 W; True when none are needed. `insist` asks a failing one too."""
        if insist:
            return self._leave_safe(insist=True)
        return self._tell(lambda: self._leave_safe(insist=False), safe=True)

    def _leave_safe(self, *, insist: bool) -> bool:
        if not self._rest(insist=insist):
            return False
        self.refusal = None
        if self.owed:
            self.owed = False
            self._book(self)
        return True

    def leave(self, now_s: float) -> bool:
        """One more try of the safe state, unless it is left alone after a failure. Takes its time."""
        self._now_s = now_s
        return self._pen.is_due(now_s) and self._leave_safe(insist=False)

    @property
    def trouble(self) -> str:
        """Why the last write did not reach it."""
        return self._serial_error or self._refused or self.unheard or self._trouble or "its answer is late"

    def close(self) -> None:
        self._device.close()

    def health(self) -> dict[str, Any]:
        missing = self._device.missing()
        lacks = [f"{point}: {why}" for point, why in missing.items()]
        late = "its answer is late" if self.is_late else None
        unheard = f"it does not take writes: {self.unheard}" if self.unheard else None
        detail = self._serial_error or late or unheard or self._trouble or "; ".join(lacks)
        fast = any(point in missing for point in chain(*self.settings.fast))
        well = self._serial_error is None and self._trouble is None and unheard is None
        ok = self.answers and well and not fast
        return {
            "ok": ok,
            "last_read_at": format_instant(self._last_read_at) if self._last_read_at else None,
            "errors": self._errors,
            **({} if ok else {"code": self._code()}),
            **({"detail": detail} if detail else {}),
        }

    def _code(self) -> str:
        """What ails it, in the order in which `detail` says it."""
        if self._serial_error is not None:
            return "identity"
        if self.is_late or not self.answers or self.unheard:
            return "silent"
        return "value" if self._wrong else "refusal" if self._trouble is not None else "point"

    def _identify(self) -> None:
        """Who answers in a new session may be somebody else: no write before the serial number is read."""
        session = self._device.session()
        if session == self._session:
            return
        self._session = None
        expected, serial = self.settings.expect_serial, self._device.serial()
        self._serial_error = None
        if expected is not None and serial != expected:
            self._serial_error = (
                f"{self.device_id} has serial {serial!r}, expected {expected!r}: nothing is written"
            )
        self._session = session
        self.meetings += 1

    def _drive(self, writes: list[tuple[str, float]]) -> bool:
        if not self.owed:
            self.owed = True
            self._book(self)
        return self._write(writes, insist=False)

    def _tell(self, write: Callable[[], bool], *, safe: bool = False) -> bool:
        """Beside the cycle where that can be. What is not heard is not repeated before its time."""
        if self._pen.unheard is None:
            return self._pen.run(write)
        if not self._pen.is_due(self._now_s):
            return False
        return self._pen.run(self._recover) and safe

    def _recover(self) -> bool:
        """The safe state comes first: whatever it took of what it did not answer ends here."""
        if not self._leave_safe(insist=False):
            return False
        self.meetings += 1
        return True

    def _rest(self, *, insist: bool = False) -> bool:
        writes = list(self.settings.safe_writes)
        if not writes and self.settings.takes_set_points:
            writes = [(SET_POINT, 0.0)]
        return not writes or self._write(writes, insist=insist)

    def _slow_turn(self) -> tuple[Block, ...]:
        slow = self.settings.slow
        if not slow:
            return ()
        self._next_slow = (self._next_slow + 1) % len(slow)
        return (slow[self._next_slow - 1],)

    def _write(self, writes: list[tuple[str, float]], *, insist: bool) -> bool:
        """Whoever does not insist waits neither for a probe that is under way nor for a device left alone."""
        if not self._lock.acquire(blocking=insist):
            return False
        try:
            alone = self._now_s < self._retry_at_s
            return (insist or not alone) and self._write_now(writes)
        finally:
            self._lock.release()

    def _write_now(self, writes: list[tuple[str, float]]) -> bool:
        self._refused = None
        try:
            self._identify()
            if self._serial_error is not None:
                return False
            self._device.write(writes)
        except UnreachableError as error:
            self._errors += 1
            self._meet_anew()
            self._pen.failed(str(error), self._now_s)
            return False
        except FieldError as error:
            self._errors += 1
            self._trouble = self._refused = str(error)
            self._pen.heard()
            return False
        self._pen.heard()
        return True

    def _failed(self, why: str) -> None:
        self._failures += 1
        self._errors += 1
        self._meet_anew()
        self._second_look = SecondLook()
        self._trouble = why
        if self._failures >= self.settings.invalidate_after:
            self._invalidate()
        # What still stands in the image is asked for every cycle; who has nothing in it is left alone.
        at_once = math.isfinite(self._last_read_s)
        self._retry_at_s = (
            math.nextafter(self._now_s, math.inf) if at_once else self._now_s + back_off_s(self._failures)
        )

    def _invalidate(self) -> None:
        self._values = dict.fromkeys(self._values)
        self._last_read_s = -math.inf

    def _meet_anew(self) -> None:
        """Before it is asked for anything else: who answers then may be another device on the same line."""
        self._session = None
        self._device.doubt()

    def _take(self, values: dict[str, float | None]) -> str | None:
        """A value outside its valid range is no value: it becomes undefined, and the device is not well.

        Remembered until the point is read again: a slow point's turn comes seldom, its fault stands on.
        """
        taken = self._values | values
        for point, value in values.items():
            low, high = (self.settings.points.get(point, {}).get(name) for name in ("valid_min", "valid_max"))
            self._wrong.pop(point, None)
            if value is None or ((low is None or value >= low) and (high is None or value <= high)):
                continue
            self._wrong[point] = f"{point} reads {value:g}, outside {low} to {high}"
            taken[point] = None
        self._values = taken
        return next(iter(self._wrong.values()), None)
