"""Change sets in time: schedule, take back, end, watch; the approvals of another person, and their rule."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs.models import ChangeSet
from configs.timed import approving, ending, scheduling
from configs.timed.models import Progress
from configs.timed.scheduling import When
from configs.timed.windows import Window
from console.api import answers, reach, shapes, timed_answers, timed_shapes
from console.api.calls import Call
from console.api.change_sets import detail_item
from console.api.documented import documented
from console.api.rollouts import wish_of
from doors.problems import Refused
from edges.models import Organization
from edges.roles import Act

DETAIL = {200: answers.ChangeSetDetail}
WAITS = {202: answers.ChangeSetDetail}


def when_of(body: Mapping[str, Any]) -> When:
    """Errors: ChangeRefused."""
    window = Window.of(body["window"]) if "window" in body else None
    return When(at=body.get("at"), window=window)


class OnChangeSet(Call):
    """One act on a change set: find it, check the role, one call, tell how it stands."""

    act: Act = "publish"
    shape: type[shapes.Exact] = shapes.Reasoned
    status = 200

    def on(self, request: Request, change_set: UUID) -> HttpResponseBase:
        self.query(request)
        found = reach.change_set(self.principal, change_set, self.act)
        body = self.body(self.shape)
        return self.once(lambda: self._respond(found, body))

    def _respond(self, found: ChangeSet, body: Mapping[str, Any]) -> Response:
        which = {"organization_id": found.organization_id, "change_set_id": found.pk}
        self.do({**which, "actor": self.actor(), "now": self.now}, body)
        return Response(detail_item(ChangeSet.objects.get(pk=found.pk)), status=self.status)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        raise NotImplementedError


class Schedule(OnChangeSet):
    shape, status = timed_shapes.Scheduling, 202

    @documented("Publish a draft later: at a time, in a window", body=timed_shapes.Scheduling, answers=WAITS)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        scheduling.schedule(
            **which,
            when=when_of(body),
            wish=wish_of(body["rollout"]) if "rollout" in body else None,
            is_rebased=body["rebase"],
            until=body.get("until"),
            preview_digest=body.get("preview_digest"),
        )


class Unschedule(OnChangeSet):
    @documented("Make what waits a draft again", body=shapes.Reasoned, answers=DETAIL)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        scheduling.unschedule(**which, reason=body["reason"])


class End(OnChangeSet):
    shape = timed_shapes.Ending

    @documented("Give a change a planned end, or none", body=timed_shapes.Ending, answers=DETAIL)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        ending.set_end(**which, until=body["until"])


class RequestApproval(OnChangeSet):
    act, shape = "edit", timed_shapes.Asking

    @documented("Ask another person to approve a draft", body=timed_shapes.Asking, answers=DETAIL)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        approving.request(**which, preview_digest=body.get("preview_digest"))


class Approve(OnChangeSet):
    act, shape = "approve", timed_shapes.Approving

    @documented("Approve another person's change", body=timed_shapes.Approving, answers=DETAIL)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        approving.approve(
            **which,
            comment=body["comment"],
            preview_digest=body.get("preview_digest"),
            rule_number=body.get("rule"),
        )


class Reject(OnChangeSet):
    act, shape = "approve", timed_shapes.Rejecting

    @documented("Reject another person's change", body=timed_shapes.Rejecting, answers=DETAIL)
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        approving.reject(**which, comment=body["comment"])


class TakeBack(OnChangeSet):
    act = "edit"

    @documented(
        "Make what was rejected, or awaits approval, a draft again", body=shapes.Reasoned, answers=DETAIL
    )
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        return self.on(request, change_set)

    def do(self, which: dict[str, Any], body: Mapping[str, Any]) -> None:
        approving.take_back(**which, reason=body["reason"])


class ProgressOf(Call):
    @documented("How far the publishing of a change set is", answers={200: timed_answers.ProgressAnswer})
    def get(self, request: Request, change_set: UUID) -> Response:
        self.query(request)
        found = reach.change_set(self.principal, change_set, "read")
        row = Progress.objects.filter(pk=found.pk).first()
        if row is None:
            raise Refused(404, "not_found", "This change set never waited for a worker: it has no progress.")
        return Response(timed_answers.progress_item(row))


class ApprovalRule(Call):
    @documented("What takes another person's approval", answers={200: timed_answers.RuleAnswer})
    def get(self, request: Request, org: str) -> Response:
        self.query(request)
        found, _ = reach.any_of(self.principal, org, "read")
        return Response(asdict(approving.rule(found.pk)))

    @documented(
        "Say what takes another person's approval",
        body=timed_shapes.ApprovalRule,
        answers={200: timed_answers.RuleAnswer},
    )
    def put(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        found = reach.organization(self.principal, org, "manage_edges")
        body = self.body(timed_shapes.ApprovalRule)
        return self.once(lambda: self._set(found, body))

    def _set(self, found: Organization, body: Mapping[str, Any]) -> Response:
        rule = approving.set_rule(
            organization_id=found.pk,
            above_edges=body["above_edges"],
            paths=body["paths"],
            actor=self.actor(),
            now=self.now,
        )
        return Response(asdict(rule))
