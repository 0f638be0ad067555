"""The story's rollout: the first wave is well, the second breaks, and all of it goes back by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ems.demo.operator import Operator, StoryError, wait_until

Facts = dict[str, Any]
OVER = frozenset({"completed", "completed_with_exceptions", "cancelled", "superseded", "paused", "halted"})
# Short, as the demo's probation: on plants a wave settles for minutes and bakes for hours.
PACE = {"settle_seconds": 30, "bake_seconds": 1, "maximum_wait_seconds": 60}


def sentence(entry: dict[str, Any]) -> str:
    """A line of the rollout's history, such as `wave 1 passed: 1 of 1 confirmed`."""
    what = entry["what"].replace("_", " ")
    reason = entry["reason"].removeprefix(f"{what}: ")
    if what.startswith("wave "):
        what = what.replace("wave", f"wave {entry['wave']}", 1)
    return f"{what}: {reason}" if reason else what


@dataclass
class Waves:
    """One rollout over REST, and what the edges ran before and after it."""

    operator: Operator
    organization: str
    edges: list[str]
    say: Callable[[str], None]
    told: int = field(default=1, init=False)  # entries of its history that were said; the first: started

    def play(self, reason: str, operations: list[dict[str, Any]], first: list[str]) -> Facts:
        """Roll the change out with one wave for each edge of `first` and one for the rest; wait for its end.

        Errors: StoryError when it does not go back by itself, or when an edge stays on what it brought.
        """
        before, started = self._digests(), time.monotonic()
        begun = self._start(reason, operations, first)
        self.say(f"rollout of {begun['wave_count']} waves started: {reason}")
        wait_until("the rollout went back by itself", lambda: self._is_back(begun["id"]), 90)
        ended = self._read(begun["id"])
        left = self._on_bad_content(ended["change_set"])
        recalled = self._taken_back(ended["change_set"])
        seconds = round(time.monotonic() - started, 2)
        self.say(f"  recalled {' and '.join(recalled)} in {seconds} s; {left} edges run its content")
        if left or not recalled:
            message = f"the rollout is over, yet {left} edges run its content and {recalled} were recalled"
            raise StoryError(message)
        wait_until("all run what they ran before the rollout", lambda: self._digests() == before, 30)
        halt = next(entry for entry in ended["history"] if entry["what"] == "halted")
        return {
            "waves": ended["wave_count"],
            "halted_in_wave": halt["wave"],
            "reason": halt["reason"],
            "recalled_edges": len(recalled),
            "edges_on_bad_version": left,
        }

    def _start(self, reason: str, operations: list[dict[str, Any]], first: list[str]) -> Any:
        body = {"reason": reason, "operations": operations}
        draft = self.operator.must("POST", f"/organizations/{self.organization}/change-sets", body)
        waves = [{"name": edge, "selector": {"edges": [edge]}} for edge in first]
        wish = {"waves": waves, "on_fail": "roll_back_all", **PACE}
        return self.operator.must("POST", f"/change-sets/{draft['id']}/rollout", wish)

    def _read(self, rollout: str) -> Any:
        return self.operator.must("GET", f"/rollouts/{rollout}")

    def _is_back(self, rollout: str) -> bool:
        """Says what is new in its history."""
        seen = self._read(rollout)
        for entry in seen["history"][self.told :]:
            self.say(f"  {sentence(entry)}")
        self.told = len(seen["history"])
        if seen["phase"] in OVER:
            message = f"the rollout is {seen['phase']} instead of rolled back: {seen['said']}"
            raise StoryError(message)
        return bool(seen["phase"] == "rolled_back")

    def _digests(self) -> dict[str, str]:
        """What each edge says that it runs: content, whatever its number."""
        return {edge: self.operator.status(edge)["running"]["digest"] for edge in self.edges}

    def _versions(self, edge: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.operator.must("GET", f"/edges/{edge}/versions")["items"]
        return found

    def _taken_back(self, change_set: str) -> list[str]:
        """Edges that the rollout gave its content, and then the content that they had before."""
        taken = []
        for edge in self.edges:
            newest, *older = self._versions(edge)
            if any(one["change_set"] == change_set for one in older):
                undone = self.operator.must("GET", f"/change-sets/{newest['change_set']}")
                taken += [edge] if undone["reverts"] == change_set else []
        return taken

    def _on_bad_content(self, change_set: str) -> int:
        """How many edges run, by their own reports, what any of them was given by the rollout."""
        bad = {
            version["digest"]
            for edge in self.edges
            for version in self._versions(edge)
            if version["change_set"] == change_set
        }
        return sum(digest in bad for digest in self._digests().values())
