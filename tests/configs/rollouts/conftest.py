"""A fleet of edges that report by heartbeats, and a rollout that the test drives, at times of its own."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from configs import changesets, heartbeats, jobs
from configs.fleet import Pins
from configs.models import EdgePins, Layer, Version
from configs.rollouts import running, starting, steering, waking
from configs.rollouts.models import Rollout, RolloutEntry, RolloutTarget, RolloutWave
from configs.rollouts.policies import Share, Wish
from edge_protocol.messages import Heartbeat
from edges import credentials, tenancy
from edges.models import Edge, EdgeHead, EdgeStatus, Organization, Site
from tests import build
from tests.configs.conftest import Desk, make_signer

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
SECOND = timedelta(seconds=1)


@dataclass
class Fleet:
    """Sites of Acme with edges in service, each online and running what it should."""

    desk: Desk
    organization: Organization
    sites: dict[str, Site]
    edges: dict[str, Edge]
    now: datetime = build.NOW
    boot: str = field(default_factory=lambda: str(uuid4()))
    beats: Counter[str] = field(default_factory=Counter)
    keys: dict[str, str] = field(default_factory=dict)

    # -- edges ------------------------------------------------------------------------------------------

    def beat(self, edge_id: str, **body: Any) -> None:
        """A heartbeat; by default of an edge that runs what it ran."""
        edge = self.edges[edge_id]
        self.beats[edge_id] += 1
        if edge_id not in self.keys:
            self.keys[edge_id] = build.make_key(edge)[1]
        principal = credentials.authenticate_edge(self.keys[edge_id], now=build.NOW)
        running_now = self.status(edge_id)
        told = {"version": running_now.running_version, "digest": running_now.running_digest}
        message = {"boot_id": self.boot, "seq": self.beats[edge_id], "running": told, **body}
        heartbeats.receive(
            principal=principal,
            heartbeat=Heartbeat.from_dict(message),
            transport="http",
            now=self.now,
            signer=self.desk.signer,
        )

    def takes(self, *edge_ids: str, version: int | None = None) -> None:
        """They run and confirm what is desired."""
        for edge_id in edge_ids:
            head = self.head(edge_id)
            self.beat(
                edge_id,
                running={"version": head.version, "digest": head.digest},
                phase="committed",
                last_attempt={"version": head.version, "status": "confirmed"},
            )

    def refuses(self, *edge_ids: str, status: str = "rolled_back", code: str = "watchdog") -> None:
        """They tried what is desired, and are back on what they ran."""
        for edge_id in edge_ids:
            version, before = self.head(edge_id).version, self.status(edge_id).running_version
            sections = self.sections(edge_id, version)
            old = self.sections(edge_id, before)
            changed = {name: found for name, found in sections.items() if old.get(name) != found}
            self.beat(
                edge_id,
                phase="committed",
                last_attempt={"version": version, "status": status, "code": code},
                quarantine=[{"version": version, "sections": changed, "code": code}],
            )

    def all_beat(self, besides: Iterable[str] = ()) -> None:
        for edge_id in self.edges:
            if edge_id not in set(besides):
                self.beat(edge_id)

    def status(self, edge_id: str) -> EdgeStatus:
        with tenancy.scope([self.organization.pk]):
            return EdgeStatus.objects.get(pk=self.edges[edge_id].pk)

    def head(self, edge_id: str) -> EdgeHead:
        with tenancy.scope([self.organization.pk]):
            return EdgeHead.objects.get(pk=self.edges[edge_id].pk)

    def sections(self, edge_id: str, version: int) -> dict[str, str]:
        with tenancy.scope([self.organization.pk]):
            return Version.objects.get(edge=self.edges[edge_id], number=version).sections

    def pins(self, edge_id: str) -> Pins:
        with tenancy.scope([self.organization.pk]):
            row = EdgePins.objects.get(pk=self.edges[edge_id].pk)
        return Pins(
            row.organization_revision_id,
            row.site_revision_id,
            row.edge_revision_id,
            row.registry_id,
            row.schema,
        )

    def value(self, edge_id: str) -> int:
        """The threshold that the edge is desired to run."""
        from configs import history

        with tenancy.scope([self.organization.pk]):
            document = history.effective(edge=self.edges[edge_id])["document"]
        controllers = {one["id"]: one for one in document["scheduler"]["controllers"]}
        return controllers["ctrlPeakShaving0"]["parameters"]["threshold_watts"]

    # -- the rollout ------------------------------------------------------------------------------------

    def draft(self, *steps: tuple[Any, ...], **more: Any) -> UUID:
        drafted = changesets.create_draft(
            organization_id=self.organization.pk,
            change=self.desk.change(*steps, **more),
            actor=self.desk.actor,
            now=self.now,
        )
        return drafted.change_set_id

    def start(
        self,
        *steps: tuple[Any, ...],
        shares: Iterable[Share] = (Share(count=1), Share(percent=100)),
        change: dict[str, Any] | None = None,
        **knobs: Any,
    ) -> "Driven":
        """A rollout of these steps, by default a new threshold; without bake or limits, unless said."""
        steps = steps or (("organization/acme", "set", THRESHOLD, 30_000),)
        plain = {"bake_seconds": 0, "per_site": None} | knobs
        row = starting.start(
            organization_id=self.organization.pk,
            change_set_id=self.draft(*steps, **(change or {})),
            wish=Wish(shares=tuple(shares), knobs=plain),
            actor=self.desk.actor,
            now=self.now,
        )
        return Driven(self, row.pk)


@dataclass
class Driven:
    """One rollout, and the worker that the test plays."""

    fleet: Fleet
    pk: UUID

    def work(self, seconds: float = 0) -> "Driven":
        """Time passes, then everything that is due is done, as a worker does it."""
        self.fleet.now += seconds * SECOND
        while (due := self._due()) is not None:
            with tenancy.scope([due.organization_id]):
                taken = jobs.take(due, self.fleet.now)
                assert taken is not None
                if taken.kind != waking.KIND:  # the alerts' own
                    continue
                running.run(
                    organization_id=taken.organization_id,
                    rollout_id=taken.subject,
                    now=self.fleet.now,
                    signer=self.fleet.desk.signer,
                    reported=taken.about,
                )
        return self

    def _due(self) -> jobs.Due | None:
        with tenancy.scope([self.fleet.organization.pk]):
            return jobs.find(self.fleet.now, besides=())

    def command(self, name: str, **more: Any) -> Rollout:
        return getattr(steering, name)(
            organization_id=self.fleet.organization.pk,
            rollout_id=self.pk,
            reason="a test",
            actor=self.fleet.desk.actor,
            now=self.fleet.now,
            signer=self.fleet.desk.signer,
            **more,
        )

    @property
    def row(self) -> Rollout:
        with tenancy.scope([self.fleet.organization.pk]):
            return Rollout.objects.select_related("change_set").get(pk=self.pk)

    @property
    def phase(self) -> str:
        return self.row.phase

    def target(self, edge_id: str) -> RolloutTarget:
        with tenancy.scope([self.fleet.organization.pk]):
            return RolloutTarget.objects.get(rollout=self.pk, edge=self.fleet.edges[edge_id])

    def states(self) -> dict[str, str]:
        with tenancy.scope([self.fleet.organization.pk]):
            rows = RolloutTarget.objects.filter(rollout=self.pk).values_list("edge__edge_id", "state")
            return dict(rows)

    def in_state(self, *states: str) -> list[str]:
        return sorted(edge_id for edge_id, state in self.states().items() if state in states)

    def wave(self, position: int) -> list[str]:
        """The edges of one wave, in their order."""
        with tenancy.scope([self.fleet.organization.pk]):
            rows = RolloutTarget.objects.filter(rollout=self.pk, wave=position).order_by("place")
            return list(rows.values_list("edge__edge_id", flat=True))

    def wave_phases(self) -> list[str]:
        with tenancy.scope([self.fleet.organization.pk]):
            rows = RolloutWave.objects.filter(rollout=self.pk).order_by("position")
            return list(rows.values_list("phase", flat=True))

    def entries(self) -> list[str]:
        with tenancy.scope([self.fleet.organization.pk]):
            return list(RolloutEntry.objects.filter(rollout=self.pk).values_list("what", flat=True))


def make_fleet(sites: int = 2, edges_a_site: int = 3, **document: Any) -> Fleet:
    acme = build.make_organization("acme")
    desk = Desk(acme, make_signer())
    desk.publish(("organization/acme", "set", "", build.document() | document))
    made_sites = {f"site-{number}": build.make_site(acme, f"site-{number}") for number in range(sites)}
    edges = {}
    for code, site in made_sites.items():
        for number in range(edges_a_site):
            edge_id = f"acme-{code}-{number}"
            edges[edge_id] = desk.add_edge(site, edge_id, stage="in_service")
    fleet = Fleet(desk, acme, made_sites, edges)
    fleet.takes(*edges)
    return fleet


@pytest.fixture
def fleet(db: None) -> Fleet:
    """Two sites of three edges."""
    return make_fleet()


def baseline(fleet: Fleet) -> UUID | None:
    with tenancy.scope([fleet.organization.pk]):
        return Layer.objects.get(scope="organization").baseline_id
