"""Rollouts: start, list, read, pause, resume, roll back, cancel, advance."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import signing
from configs.models import ChangeSet
from configs.rollouts import starting, steering, telling
from configs.rollouts.models import Rollout, RolloutTarget, RolloutWave
from configs.rollouts.policies import NORMAL, Share, Wish
from configs.rollouts.states import Phase, TargetState
from console.api import answers, reach, rollout_answers, rollout_shapes, shapes
from console.api.calls import Call, flag
from console.api.documented import DRY_RUN, PAGED, documented
from doors import pagination
from doors.problems import Refused
from edges.roles import Act

FILTERS = {"phase": "A phase, such as running."}
TARGET_FILTERS = {"state": "A state of targets, such as rolled_back.", "wave": "The number of a wave."}


def wish_of(body: Mapping[str, Any]) -> Wish:
    """What a body of the right shape asks for."""
    given = {name: value for name, value in body.items() if name not in rollout_shapes.NOT_KNOBS}
    shares = None if "waves" not in body else [Share(**one) for one in body["waves"]]
    return Wish(preset=body.get("preset", NORMAL), shares=shares, knobs=given)


class Start(Call):
    @documented(
        "Publish a draft wave by wave",
        body=rollout_shapes.Starting,
        query=DRY_RUN,
        answers={200: rollout_answers.Planned, 201: rollout_answers.RolloutDetail},
    )
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        found = reach.change_set(self.principal, change_set, "publish")
        body = self.body(rollout_shapes.Starting)
        if flag(query, "dry_run"):
            planned = starting.preview(
                organization_id=found.organization_id,
                change_set_id=found.pk,
                wish=wish_of(body),
                now=self.now,
            )
            return Response(planned.to_dict())
        return self.once(lambda: self._start(found, body))

    def _start(self, found: ChangeSet, body: Mapping[str, Any]) -> Response:
        rollout = starting.start(
            organization_id=found.organization_id,
            change_set_id=found.pk,
            wish=wish_of(body),
            actor=self.actor(),
            now=self.now,
            reason=body.get("reason"),
            preview_digest=body.get("preview_digest"),
        )
        return Response(telling.describe(rollout, now=self.now), status=201)


class Rollouts(Call):
    @documented(
        "List the rollouts of an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(rollout_answers.RolloutAnswer, "Rollouts")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = Rollout.objects.filter(organization=organization).select_related("change_set")
        if sites is not None:
            seen = reach.change_sets_within(ChangeSet.objects.filter(organization=organization), sites)
            rows = rows.filter(change_set__in=seen)
        page = pagination.page(_filtered(rows, query), query, order=("-started_at", "-id"), item=_same)
        return Response(page | {"items": self._items(page["items"])})

    def _items(self, rows: list[Rollout]) -> list[dict[str, Any]]:
        counts = telling.counts_of([one.pk for one in rows])
        waves: dict[UUID, list[RolloutWave]] = {one.pk: [] for one in rows}
        for wave in RolloutWave.objects.filter(rollout__in=list(waves)).order_by("position"):
            waves[wave.rollout_id].append(wave)
        return [telling.brief(one, counts[one.pk], waves[one.pk], now=self.now) for one in rows]


def _same(row: Rollout) -> Rollout:
    return row


def _filtered(rows: QuerySet[Rollout], query: Mapping[str, str]) -> QuerySet[Rollout]:
    if phase := query.get("phase"):
        if phase not in list(Phase):
            raise Refused(400, "bad_query", f"phase is one of {', '.join(Phase)}.")
        rows = rows.filter(phase=phase)
    return rows


class OneRollout(Call):
    @documented("Read a rollout with its waves and its history", answers={200: rollout_answers.RolloutDetail})
    def get(self, request: Request, rollout: UUID) -> Response:
        self.query(request)
        found = reach.rollout(self.principal, rollout, "read")
        return Response(telling.describe(found, now=self.now))


class Targets(Call):
    @documented(
        "List the edges of a rollout",
        query=PAGED | TARGET_FILTERS,
        answers={200: answers.page_of(rollout_answers.TargetAnswer, "RolloutTargets")},
    )
    def get(self, request: Request, rollout: UUID) -> Response:
        query = self.query(request, *TARGET_FILTERS)
        found = reach.rollout(self.principal, rollout, "read")
        rows = RolloutTarget.objects.filter(rollout=found).select_related("edge__site")
        if state := query.get("state"):
            if state not in list(TargetState):
                raise Refused(400, "bad_query", f"state is one of {', '.join(TargetState)}.")
            rows = rows.filter(state=state)
        if wave := query.get("wave"):
            if not wave.isdecimal() or not 1 <= len(wave) <= 4:
                raise Refused(400, "bad_query", "wave is the number of a wave, from 1 on.")
            rows = rows.filter(wave=int(wave) - 1)
        return Response(pagination.page(rows, query, order=("wave", "place", "id"), item=target_item))


def target_item(row: RolloutTarget) -> dict[str, Any]:
    return {
        "edge_id": row.edge.edge_id,
        "site": row.edge.site.code,
        "wave": None if row.wave < 0 else row.wave + 1,
        "state": row.state,
        "why": row.why,
        "version": row.version,
        "has_fault_alarm": row.is_alarmed,
        "offered_at": row.offered_at,
        "deadline_at": row.deadline_at,
        "changed_at": row.changed_at,
    }


class Steering(Call):
    """A command to one rollout."""

    act: Act = "publish"
    command = ""
    shape: type[shapes.Exact] = shapes.Reasoned

    def steer(self, request: Request, rollout: UUID) -> HttpResponseBase:
        self.query(request)
        found = reach.rollout(self.principal, rollout, self.act)
        body = self.body(self.shape)
        return self.once(lambda: self._steer(found, body))

    def _steer(self, found: Rollout, body: Mapping[str, Any]) -> Response:
        getattr(steering, self.command)(
            organization_id=found.organization_id,
            rollout_id=found.pk,
            actor=self.actor(),
            now=self.now,
            signer=signing.signer(),
            **body,
        )
        row = Rollout.objects.select_related("change_set").get(pk=found.pk)
        return Response(telling.describe(row, now=self.now))


class Pause(Steering):
    command = "pause"

    @documented("Pause a rollout", body=shapes.Reasoned, answers={200: rollout_answers.RolloutDetail})
    def post(self, request: Request, rollout: UUID) -> HttpResponseBase:
        return self.steer(request, rollout)


class Resume(Steering):
    command, shape = "resume", rollout_shapes.Resuming

    @documented(
        "Resume a rollout", body=rollout_shapes.Resuming, answers={200: rollout_answers.RolloutDetail}
    )
    def post(self, request: Request, rollout: UUID) -> HttpResponseBase:
        return self.steer(request, rollout)


class RollBack(Steering):
    command, shape, act = "roll_back", rollout_shapes.RollingBackWaves, "rollback"

    @documented(
        "Roll back a wave or all waves of a rollout",
        body=rollout_shapes.RollingBackWaves,
        answers={200: rollout_answers.RolloutDetail},
    )
    def post(self, request: Request, rollout: UUID) -> HttpResponseBase:
        return self.steer(request, rollout)


class Cancel(Steering):
    command = "cancel"

    @documented(
        "Cancel a rollout that no edge has taken",
        body=shapes.Reasoned,
        answers={200: rollout_answers.RolloutDetail},
    )
    def post(self, request: Request, rollout: UUID) -> HttpResponseBase:
        return self.steer(request, rollout)


class Advance(Steering):
    command = "advance"

    @documented(
        "Open the next wave by a person's word",
        body=shapes.Reasoned,
        answers={200: rollout_answers.RolloutDetail},
    )
    def post(self, request: Request, rollout: UUID) -> HttpResponseBase:
        return self.steer(request, rollout)
