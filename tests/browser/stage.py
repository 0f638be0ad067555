"""What the browser walks through: two organizations with sites and edges, made by REST."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ems.demo.operator import Operator, wait_until
from tests import build
from tests.browser.edges import Hurt, SmallEdges, threshold

ORGANIZATIONS = {"acme": "Acme Energy", "birch": "Birch Power"}
SITES = {"acme": {"north": "Acme North", "south": "Acme South"}, "birch": {"main": "Birch Main"}}
NORTH = [f"acme-north-{number}" for number in range(1, 9)]
EXCEPTION = "acme-north-9"  # keeps a threshold of its own
SOUTH = ["acme-south-1", "acme-south-2"]
FAILED, SILENT = "acme-south-2", "acme-south-3"
BIRCH = [f"birch-main-{number}" for number in range(1, 4)]
THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
DEADBAND = "/scheduler/controllers/ctrlBalancing0/parameters/deadband_watts"
GOOD, OWN, BAD, BETTER = 50_000, 20_000, 90_000, 45_000
BROKEN_DEADBAND = 999
OVERRUN = Hurt("core_cycle", "3 overruns in a row: the watchdog went back")
TRIPPED = Hurt("health_grid", "The grid connection tripped at 90 kW: a second battery draws from it")


def hurts(_: str, document: Mapping[str, Any], others: Mapping[str, float]) -> Hurt | None:
    """One edge bears the bad threshold; where a second one takes it, the connection trips."""
    controllers = document["scheduler"]["controllers"]
    if any(one["parameters"].get("deadband_watts") == BROKEN_DEADBAND for one in controllers):
        return OVERRUN
    return TRIPPED if threshold(document) == BAD and BAD in others.values() else None


@dataclass
class Stage:
    """Where the desk is, who signs in, and the edges behind it."""

    base_url: str
    login: Mapping[str, str]
    tokens: Mapping[str, Mapping[str, str]]
    edges: SmallEdges

    def operator(self, organization: str) -> Operator:
        return Operator(self.base_url, self.tokens[organization]["operator_token"])

    def populate(self) -> None:
        for organization, sites in SITES.items():
            operator = self.operator(organization)
            for code, name in sites.items():
                body = {"code": code, "name": name, "time_zone": "Europe/Berlin"}
                operator.must("POST", f"/organizations/{organization}/sites", body)
            layer = f"/organizations/{organization}/layers/organization/{organization}?reason=First%20set-up"
            operator.must("PUT", layer, build.document(), If_Match='"0"')
        for edge_id in [*NORTH, EXCEPTION]:
            self._add("acme", "north", edge_id)
        for edge_id in SOUTH:
            self._add("acme", "south", edge_id)
        self._add("acme", "south", SILENT, is_enrolled=False)
        for edge_id in BIRCH:
            self._add("birch", "main", edge_id)
        self.edges.hurts = hurts
        self.edges.start()

    def settle(self) -> None:
        """One edge with a value of its own, one that went back, one rollout under way."""
        wait_until("every edge runs something", lambda: self._words() == {"in_sync"}, 60)
        self.publish("acme", "An older inverter", THRESHOLD, OWN, "edge", EXCEPTION)
        self.publish("acme", "A wider deadband (mistyped)", DEADBAND, BROKEN_DEADBAND, "edge", FAILED)
        wait_until("the edges run what they should", lambda: self._words() == {"in_sync", "failed"}, 60)
        draft = self.operator("birch").must(
            "POST",
            "/organizations/birch/change-sets",
            {"reason": "Shave earlier", "operations": [self._step(THRESHOLD, GOOD - 5_000, "site", "main")]},
        )
        self.operator("birch").must("POST", f"/change-sets/{draft['id']}/rollout", {"preset": "careful"})

    def publish(self, organization: str, reason: str, path: str, value: Any, scope: str, target: str) -> None:
        self.operator(organization).change(organization, reason, [self._step(path, value, scope, target)])

    def runs(self, edge_id: str) -> float:
        """The threshold that an edge runs now."""
        return self.edges.edges[edge_id].threshold

    def _step(self, path: str, value: Any, scope: str, target: str) -> dict[str, Any]:
        return {"scope": scope, "target": target, "op": "set", "path": path, "value": value}

    def _words(self) -> set[str]:
        operator = self.operator("acme")
        return {operator.status(edge_id)["configuration"] for edge_id in [*NORTH, EXCEPTION, *SOUTH]}

    def _add(self, organization: str, site: str, edge_id: str, *, is_enrolled: bool = True) -> None:
        operator = self.operator(organization)
        body = {"edge_id": edge_id, "site": site, "name": edge_id.title(), "stage": "in_service"}
        operator.must("POST", f"/organizations/{organization}/edges", body)
        if is_enrolled:
            token = operator.must("POST", f"/edges/{edge_id}/enrollment-token", {})["token"]
            self.edges.enroll(edge_id, token)
