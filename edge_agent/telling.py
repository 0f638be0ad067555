"""Brings what the runtimes' alarms have done into the outbox."""

from __future__ import annotations

from dataclasses import asdict

from edge_agent.alarms import Alarms
from edge_agent.core import Core
from edge_agent.plant import Plant


class Teller:
    """Looks at every driver's newest report. Used by the reducer's thread alone."""

    def __init__(self, core: Core, plant: Plant) -> None:
        self._core = core
        self._plant = plant
        self._alarms: dict[str, tuple[str, Alarms]] = {}
        for driver in plant.drivers:
            fact = f"alarms_told/{driver.settings.name}"
            alarms = Alarms(core.store.fact(fact), core.clock.seconds)
            self._alarms[driver.settings.name] = (fact, alarms)

    def tell(self) -> bool:
        """Whether there is something new to send. What cannot be written comes again at the next look."""
        found = False
        for name, health in self._plant.newest.items():
            fact, alarms = self._alarms[name]
            changed = None if health is None else alarms.news(health)
            if health is None or changed is None:
                continue
            news, told = changed
            # The version that the report speaks of: it may not be confirmed, or not even known to run yet.
            named = health.get("version")
            version = named if isinstance(named, int) and named > 0 else None
            stored = {one: asdict(facts) for one, facts in told.items()}
            if self._core.tell_alarms(fact, stored, news, version):
                alarms.noted(told)
                found = found or bool(news)
        return found
