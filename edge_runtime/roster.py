"""The controllers of the document at their posts: made, bound to a battery and a meter, run in order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_runtime.classes import Made, make_controller
from edge_runtime.controllers import Controller, ControllerInitError, Inputs
from edge_runtime.device import Device
from edge_runtime.interval import Interval
from edge_runtime.relays import ChannelThreshold

log = logging.getLogger(__name__)

STRATEGIES: Final = ("fixed_order", "alphabetical")


@dataclass(slots=True)
class Post:
    """One controller where it stands. `state`: ok, init_failed, run_failed, write_failed or disabled."""

    entry: Mapping[str, Any]
    controller: Made | None = None
    state: str = "ok"
    error: str | None = None
    note: str | None = None
    ess_id: str | None = None
    meter_id: str | None = None
    remembers: tuple[str, str | None] | None = None
    """The battery and the meter that its controller's memory is about."""

    @property
    def controller_id(self) -> str:
        return str(self.entry["id"])

    @property
    def acts(self) -> bool:
        """Whether it has what it needs to say anything about a battery or a relay."""
        return self.controller is not None and self.state != "init_failed" and self.note is None

    def refuse(self, reason: str) -> None:
        self.state, self.error = "init_failed", str(ControllerInitError(self.controller_id, reason))

    def health(self) -> dict[str, Any]:
        note = {"note": self.note} if self.note else {}
        return {"state": self.state, "error": self.error, **note}

    def run(self, inputs: Inputs, left: Interval) -> Interval:
        """Narrow what is left. A controller's exception marks it and does not stop the cycle."""
        controller = self.controller
        assert controller is not None  # noqa: S101 - only posts that act are run
        assert not isinstance(controller, ChannelThreshold)  # noqa: S101 - it has no battery
        try:
            narrowed = controller.act(inputs, left)
        except Exception as error:  # config-model.md, Cycle: whatever a controller throws is its own failure
            log.exception("controller %s failed", self.controller_id)
            self.state, self.error = "run_failed", f"controller run failed: {self.controller_id}: {error}"
            return left
        self.state, self.error = "ok", None
        return narrowed

    def written(self, failure: str | None) -> None:
        """Whether what it decided has reached its device; `failure` says why not."""
        if failure is None:
            self.state, self.error = "ok", None
        else:
            self.state, self.error = (
                "write_failed",
                f"controller write failed: {self.controller_id}: {failure}",
            )


class Roster:
    """Every post in running order."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self._bound_to: tuple[Mapping[str, Device], list[str | None]] | None = None

    def load(self, scheduler: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> None:
        """Take in the section. A controller remembers through every change but that of its class."""
        before = {post.controller_id: post for post in self.posts}
        strategy = scheduler["strategy"]
        self._bound_to = None
        self.posts = sorted(
            (_post(entry, before.get(str(entry["id"])), strategy) for entry in entries),
            key=lambda post: _place(strategy, post.entry),
        )

    def bind(self, devices: Mapping[str, Device]) -> None:
        """Find each controller its battery and its meter; what a device refuses fails its controllers.

        Asked every cycle: `devices` is another mapping whenever there are other devices.
        """
        refusals = [device.refuses_writes for device in devices.values()]
        if self._bound_to is not None and self._bound_to[0] is devices and self._bound_to[1] == refusals:
            return
        self._bound_to = (devices, refusals)
        outputs: dict[str, str] = {}
        for post in self.posts:
            if isinstance(post.controller, ChannelThreshold):
                _bind_to_output(post, post.controller.output, devices, outputs)
            elif post.controller is not None:
                _bind(post, post.controller, devices)

    def of(self, ess_id: str) -> list[Post]:
        return [post for post in self.posts if post.acts and post.ess_id == ess_id]

    @property
    def driven(self) -> set[str]:
        """Every device that a controller acts upon."""
        batteries = {post.ess_id for post in self.posts if post.acts and post.ess_id is not None}
        return batteries | {law.output.split("/", 1)[0] for _, law in self.switching}

    @property
    def switching(self) -> list[tuple[Post, ChannelThreshold]]:
        """Those that have a relay, with their law."""
        return [
            (post, post.controller)
            for post in self.posts
            if post.acts and isinstance(post.controller, ChannelThreshold)
        ]

    def health(self) -> dict[str, Any]:
        return {post.controller_id: post.health() for post in self.posts}

    @property
    def failing(self) -> list[Post]:
        return [post for post in self.posts if post.state == "run_failed"]


def _place(strategy: str, entry: Mapping[str, Any]) -> tuple[int, str]:
    return (0 if strategy == "alphabetical" else int(entry["execution_order"]), str(entry["id"]))


def _post(entry: Mapping[str, Any], before: Post | None, strategy: str) -> Post:
    post = Post(entry)
    if not entry["enabled"]:
        post.state = "disabled"
        return post
    if strategy not in STRATEGIES:
        post.refuse(f"this runtime has no scheduler strategy {strategy}")
        return post
    _fill(post, before)
    return post


def _fill(post: Post, before: Post | None) -> None:
    """The controller itself: the one from before where nothing of it changed, else a new one that goes on."""
    entry = post.entry
    same = before if before is not None and before.entry["class"] == entry["class"] else None
    kept = same.controller if same is not None else None
    if same is not None and kept is not None and same.entry["parameters"] == entry["parameters"]:
        post.controller, post.remembers = kept, same.remembers
        return
    try:
        post.controller = make_controller(post.controller_id, str(entry["class"]), entry["parameters"])
    except ControllerInitError as error:
        log.error("%s", error)
        post.state, post.error = "init_failed", str(error)
        return
    if same is not None and kept is not None:
        post.controller.go_on_from(kept)
        post.remembers = same.remembers


def _bind(post: Post, controller: Controller, devices: Mapping[str, Device]) -> None:
    parameters = post.entry["parameters"]
    if post.state == "init_failed":
        post.state, post.error = "ok", None
    try:
        post.ess_id = _resolve(post, parameters.get("ess_id"), "ess", devices)
        post.meter_id = _resolve(post, parameters.get("meter_id"), "grid_meter", devices)
    except ControllerInitError as error:
        post.state, post.error = "init_failed", str(error)
        return
    post.note = _nothing_to_do(post, controller)
    _forget_another_battery(post)
    if post.ess_id is not None:
        _ask_whether_it_may_write(post, devices[post.ess_id])


def _bind_to_output(post: Post, output: str, devices: Mapping[str, Device], outputs: dict[str, str]) -> None:
    """Its relay must be there, be one that can be switched and left off, and have no master yet."""
    if post.state == "init_failed":
        post.state, post.error = "ok", None
    name, point = output.split("/", 1)
    device = devices.get(name)
    master = outputs.setdefault(output, post.controller_id)
    if device is None or device.settings.role != "io":
        post.refuse(f"{name} is no enabled device of role io")
    elif point not in device.settings.switches:
        post.refuse(f"{output} is no on/off point that can be written and is left off in the safe state")
    elif device.refuses_writes is not None:
        post.refuse(device.refuses_writes)
    elif master != post.controller_id:
        post.refuse(f"{output} is also switched by {master}")


def _resolve(post: Post, named: str | None, role: str, devices: Mapping[str, Device]) -> str | None:
    """A named device must be there; without a name the only one of its role is meant, or none at all."""
    candidates = [name for name, device in devices.items() if device.settings.role == role]
    if named is None:
        return candidates[0] if len(candidates) == 1 else None
    if named not in candidates:
        raise ControllerInitError(post.controller_id, f"{named} is no enabled device of role {role}")
    return named


def _nothing_to_do(post: Post, controller: Controller) -> str | None:
    if post.ess_id is None:
        return "no battery can be resolved: it emits nothing"
    if controller.needs_grid and post.meter_id is None:
        return "no grid meter can be resolved: it emits nothing"
    return None


def _forget_another_battery(post: Post) -> None:
    """What was learned of one battery and its meter says nothing about others."""
    if post.ess_id is None or post.note is not None:
        return
    about = (post.ess_id, post.meter_id)
    if post.remembers is not None and post.remembers != about:
        entry = post.entry
        post.controller = make_controller(post.controller_id, str(entry["class"]), entry["parameters"])
    post.remembers = about


def _ask_whether_it_may_write(post: Post, ess: Device) -> None:
    if not ess.settings.takes_set_points:
        post.refuse(f"{ess.device_id} has no writable active power")
    elif not ess.settings.can_be_let_go:
        post.refuse(f"{ess.device_id} has neither a reversion timer nor safe writes: it could not be let go")
    elif ess.refuses_writes is not None:
        post.refuse(ess.refuses_writes)
