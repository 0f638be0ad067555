"""The story that the demo plays: every step is done as an operator would and seen on real agents."""

import time
from collections.abc import Callable
from typing import Any

from ems.demo.operator import Operator, StoryError, wait_until
from ems.demo.waves import Waves
from ems.demo.world import World

Facts = dict[str, Any]
THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
DEADBAND = "/scheduler/controllers/ctrlBalancing0/parameters/deadband_watts"
SERIAL = "/modbus_devices/bms_main/expect_serial"


def operation(path: str, value: object, scope: str, target: str) -> dict[str, Any]:
    return {"scope": scope, "target": target, "op": "set", "path": path, "value": value}


def running(operator: Operator, edge_id: str) -> int:
    return int(operator.status(edge_id)["running"]["version"])


def desired(operator: Operator, edge_id: str) -> int:
    return int(operator.status(edge_id)["desired"]["version"])


def in_sync(operator: Operator, edge_id: str) -> bool:
    status = operator.status(edge_id)
    return bool(status["running"]["version"]) and status["running"]["version"] == status["desired"]["version"]


def settled(operator: Operator, edge_id: str) -> bool:
    """Runs what is desired and its probation is over."""
    return in_sync(operator, edge_id) and operator.status(edge_id)["phase"] == "committed"


class Story:
    """Steps in order; each fills its part of the facts. Say: a line for people, as it happens."""

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self.world = world
        self.say = say
        self.operator = world.operator("acme")
        self.edges = world.agent_edges("acme")
        self.facts: Facts = {}

    def play(self) -> Facts:
        """Play all steps; facts["ok"] is true when every step held."""
        for step in (
            self.sync_first,
            self.change,
            self.refuse,
            self.roll_back,
            self.catch_up,
            self.poll_only,
            self.roll_out,
        ):
            step()
        self.facts["ok"] = True
        return self.facts

    def sync_first(self) -> None:
        self.facts["enrolled"] = len(self.edges)
        wait_until(
            "every agent applied its first version",
            lambda: all(in_sync(self.operator, edge) for edge in self.edges),
            60,
        )
        seconds = round(time.monotonic() - self.world.agents_started_at, 2)
        self.facts["first_sync_seconds"] = seconds
        self.say(f"{len(self.edges)} edges enrolled; all run their first version {seconds} s after start")
        self._settle()

    def change(self) -> None:
        """An organization-wide change, timed from the request to the last edge's report `applied`."""
        wait_until(
            "every agent has a socket",
            lambda: all(self.operator.status(edge)["transport"] == "websocket" for edge in self.edges),
            30,
        )
        applied = self._change_everywhere("Quieter batteries at night", DEADBAND, 120, self.edges)
        self.facts["change"] = {
            "edges": len(self.edges),
            "applied_seconds_max": max(applied.values()),
            "transport": "websocket",
        }
        self._settle()

    def refuse(self) -> None:
        """A document that contradicts itself is refused before anything is stored."""
        body = {
            "reason": "Typing error: recharge above the threshold",
            "publish": True,
            "operations": [
                operation(
                    THRESHOLD.replace("threshold_watts", "recharge_threshold_watts"),
                    900_000,
                    "organization",
                    "acme",
                )
            ],
        }
        before = {edge: desired(self.operator, edge) for edge in self.edges}
        answer = self.operator.call("POST", "/organizations/acme/change-sets", body)
        errors = answer.body.get("errors", [])
        after = {edge: desired(self.operator, edge) for edge in self.edges}
        if answer.status != 422 or not errors or before != after:
            message = f"the contradiction was not refused: {answer.status} {answer.body}"
            raise StoryError(message)
        self.facts["refused"] = {"status": answer.status, "errors": errors}
        first = errors[0]
        self.say(f"refused, nothing stored: {first['edge_id']} {first['path']} ({first['rule']})")
        self.say(f"  {first['detail']}")

    def roll_back(self) -> None:
        """A serial number typed wrong: the controllers cannot start, the edge goes back by itself."""
        edge = self.edges[0]
        good = running(self.operator, edge)
        started = time.monotonic()
        self.operator.change(
            "acme",
            "Pin the battery's serial number (mistyped)",
            [operation(SERIAL, "BMS-0000-WRONG", "edge", edge)],
        )
        bad = desired(self.operator, edge)
        self.say(f"published {edge} version {bad} with a mistyped serial number")
        wait_until(f"{edge} rolled back to {good}", lambda: self._was_rolled_back(edge, good, bad), 90)
        attempt = self.operator.status(edge)["last_attempt"]
        reason = f"{attempt['code']}: {attempt['detail']}"
        self.facts["rolled_back"] = {
            "edge": edge,
            "from": bad,
            "to": good,
            "reason": reason,
            "seconds": round(time.monotonic() - started, 2),
        }
        self.say(f"{edge} rolled itself back from {bad} to {good} ({reason})")
        self.operator.change(
            "acme",
            "Take the wrong serial number back",
            [{"scope": "edge", "target": edge, "op": "unset", "path": SERIAL}],
        )
        self._settle()

    def catch_up(self) -> None:
        """An edge without a link misses two changes and takes them as one delta when it is back."""
        edge, link = self.edges[-1], self.world.links[self.edges[-1]]
        held = running(self.operator, edge)
        link.cut()
        self.say(f"{edge} is cut off")
        others = self.edges[:-1]
        self._change_everywhere("Changed while one edge is away", DEADBAND, 130, others)
        self._change_everywhere("Changed again", DEADBAND, 140, others)
        sizes = self.world.answer_sizes(edge, held)
        link.mend()
        seconds = wait_until(f"{edge} caught up", lambda: in_sync(self.operator, edge), 60)
        self.facts["caught_up"] = {"seconds": round(seconds, 2), **sizes}
        self.say(
            f"{edge} caught up in {seconds:.1f} s: {sizes['bytes']} bytes instead of {sizes['full_bytes']}"
        )
        self._settle()

    def poll_only(self) -> None:
        """Where no WebSocket gets through, polling and heartbeats bring the change."""
        edge, link = self.edges[-1], self.world.links[self.edges[-1]]
        link.refuse_sockets()
        wait_until(
            f"{edge} lost its socket and says so",
            lambda: self.operator.status(edge)["transport"] == "polling",
            60,
        )
        applied = self._change_everywhere("Seen without a socket", DEADBAND, 150, [edge], seconds=60)
        self.facts["polled_only"] = {"applied_seconds": applied[edge]}
        link.allow_sockets()
        self._settle()

    def roll_out(self) -> None:
        """A change wave by wave, wrong for the second wave's edge alone: it halts and recalls itself."""
        first, second, _ = self.edges
        operations = [
            operation(DEADBAND, 160, "organization", "acme"),
            operation(SERIAL, "BMS-0000-WRONG", "edge", second),
        ]
        waves = Waves(self.operator, "acme", self.edges, self.say)
        self.facts["rollout"] = waves.play(
            "A wider deadband, and a serial number (mistyped)", operations, [first, second]
        )
        self._settle()

    def _change_everywhere(
        self, reason: str, path: str, value: object, edges: list[str], seconds: float = 30
    ) -> dict[str, float]:
        """Publish for the organization and wait for each edge; answers the seconds of each."""
        started = time.monotonic()
        self.operator.change("acme", reason, [operation(path, value, "organization", "acme")])
        wanted = {edge: desired(self.operator, edge) for edge in edges}
        self.say(f"change published: {reason} ({path} = {value})")
        applied: dict[str, float] = {}

        def note_applied() -> bool:
            for edge in edges:
                if edge not in applied and running(self.operator, edge) >= wanted[edge]:
                    applied[edge] = round(time.monotonic() - started, 2)
                    self.say(f"  {edge} applied version {wanted[edge]} after {applied[edge]} s")
            return len(applied) == len(edges)

        wait_until(f"{reason}: applied on {', '.join(edges)}", note_applied, seconds)
        return applied

    def _was_rolled_back(self, edge: str, good: int, bad: int) -> bool:
        status = self.operator.status(edge)
        attempt = status["last_attempt"] or {}
        return (
            attempt.get("version") == bad
            and attempt.get("status") == "rolled_back"
            and status["running"]["version"] == good
        )

    def _settle(self) -> None:
        wait_until(
            "every edge confirmed what it runs",
            lambda: all(settled(self.operator, edge) for edge in self.edges),
            90,
        )
        self.say("confirmed on every edge")
