"""Change sets: preview, draft, publish, revert, cancel, read."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import changesets, publishing, signing
from configs.changes import Change, Operation
from configs.models import ChangeSet, State
from configs.models import Operation as OperationRow
from configs.outcomes import Outcome
from configs.timed import ending, scheduling
from configs.timed.scheduling import When
from console.api import answers, reach, shapes, timed_answers
from console.api.calls import Call, etag_of, flag, whole
from console.api.documented import DRY_RUN, PAGED, documented
from doors import conditional, pagination
from doors.problems import Refused
from edges.models import Organization
from edges.roles import Act

FILTERS = {
    "state": "A state, such as draft.",
    "author": "Who wrote it.",
    "text": "Part of the reason.",
    "number": "Its number.",
}


def change_set_item(found: ChangeSet) -> dict[str, Any]:
    return {
        "id": found.pk,
        "number": found.number,
        "kind": found.kind,
        "state": found.state,
        "author": found.author,
        "reason": found.reason,
        "created_at": found.created_at,
        "published_at": found.published_at,
        "reverts": found.reverts_id,
    }


def operation_item(row: OperationRow) -> dict[str, Any]:
    shown = {"scope": row.scope, "target": row.target, "op": row.op, "path": row.path}
    if row.old is not None:
        shown["old"] = json.loads(row.old)
    if row.value is not None:
        shown["value"] = json.loads(row.value)
    return shown


def detail_item(found: ChangeSet) -> dict[str, Any]:
    rows = OperationRow.objects.filter(change_set=found).order_by("position")
    return {
        **change_set_item(found),
        "selector": found.selector,
        "exclude": found.exclude,
        "operations": [operation_item(row) for row in rows],
        "timing": timed_answers.timing_item(found),
        "approval": timed_answers.approval_item(found),
    }


def tag(found: ChangeSet) -> str:
    """Names the state of a draft: everything about it that can still change."""
    return etag_of(detail_item(found))


def wanted(body: Mapping[str, Any]) -> Change:
    """The intent in a body of the right shape. Errors: ChangeRefused."""
    return Change(
        reason=body["reason"],
        operations=[Operation.from_dict(operation) for operation in body["operations"]],
        selector=body.get("selector"),
        exclude=tuple(body.get("exclude", ())),
    )


class ChangeSets(Call):
    @documented(
        "List the change sets of an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(answers.ChangeSetAnswer, "ChangeSets")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = ChangeSet.objects.filter(organization=organization)
        if sites is not None:
            rows = reach.change_sets_within(rows, sites)
        rows = _filtered(rows, query)
        return Response(pagination.page(rows, query, order=("-number",), item=change_set_item))

    @documented(
        "Publish, draft or preview a change set",
        query=DRY_RUN,
        body=shapes.NewChangeSet,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        dry_run = flag(self.query(request, "dry_run"), "dry_run")
        organization, _ = reach.any_of(self.principal, org, "edit")
        body = self.body(shapes.NewChangeSet)
        change = wanted(body)
        act: Act = "publish" if body["publish"] and not dry_run else "edit"
        reach.change(self.principal, organization, act, wanted=change)
        if dry_run:
            preview = publishing.preview(organization_id=organization.pk, change=change, now=self.now)
            return Response(preview.to_dict())
        return self.once(lambda: self._create(organization, change, body))

    def _create(self, organization: Organization, change: Change, body: Mapping[str, Any]) -> Response:
        act = publishing.publish if body["publish"] else changesets.create_draft
        more: dict[str, Any] = (
            {"signer": signing.signer(), "is_rebased": body["rebase"]} if body["publish"] else {}
        )
        answer = act(
            organization_id=organization.pk,
            change=change,
            actor=self.actor(),
            now=self.now,
            preview_digest=body.get("preview_digest"),
            **more,
        )
        return Response(answer.to_dict(), status=201)


def _filtered(rows: QuerySet[ChangeSet], query: Mapping[str, str]) -> QuerySet[ChangeSet]:
    if state := query.get("state"):
        if state not in State.values:
            raise Refused(400, "bad_query", f"state is one of {', '.join(State.values)}.")
        rows = rows.filter(state=state)
    if author := query.get("author"):
        rows = rows.filter(author=author)
    if text := query.get("text"):
        rows = rows.filter(reason__icontains=text)
    if number := query.get("number"):
        rows = rows.filter(number=whole(number, "number"))
    return rows


class OneChangeSet(Call):
    @documented("Read a change set with its operations", answers={200: answers.ChangeSetDetail})
    def get(self, request: Request, change_set: UUID) -> Response:
        self.query(request)
        found = reach.change_set(self.principal, change_set, "read")
        return Response(detail_item(found), headers={"ETag": tag(found)})

    @documented(
        "Change a draft", body=shapes.DraftChange, answers={200: answers.ChangeSetDetail}, matched=True
    )
    def patch(self, request: Request, change_set: UUID) -> HttpResponseBase:
        self.query(request)
        found = reach.change_set(self.principal, change_set, "edit")
        body = self.body(shapes.DraftChange)
        return self.once(lambda: self._change(found, body))

    def _change(self, found: ChangeSet, body: dict[str, Any]) -> Response:
        conditional.require_match(self.request.headers.get("If-Match"), tag(found))
        change = wanted({**_body_of(found), **body})
        reach.change(self.principal, found.organization, "edit", wanted=change)
        changesets.change_draft(change_set_id=found.pk, change=change, actor=self.actor(), now=self.now)
        found = ChangeSet.objects.get(pk=found.pk)
        return Response(detail_item(found), headers={"ETag": tag(found)})


def _body_of(found: ChangeSet) -> dict[str, Any]:
    detail = detail_item(found)
    operations = [
        {name: value for name, value in operation.items() if name != "old"}
        for operation in detail["operations"]
    ]
    return {
        "reason": found.reason,
        "operations": operations,
        "selector": found.selector,
        "exclude": found.exclude,
    }


class Publish(Call):
    @documented(
        "Publish a draft",
        body=shapes.Publishing,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer, 202: answers.ChangeSetDetail},
    )
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        found = reach.change_set(self.principal, change_set, "publish")
        body = self.body(shapes.Publishing)
        which: dict[str, Any] = {"organization_id": found.organization_id, "change_set_id": found.pk}
        if body["background"] and not flag(query, "dry_run"):
            return self.once(lambda: self._in_background(found, which, body))
        act: Callable[..., Outcome] = changesets.publish_draft
        if "until" in body:
            act, which = ending.publish_until, which | {"until": body["until"]}
        return self.publishing(
            query,
            lambda: act(
                **which,
                reason=body.get("reason"),
                preview_digest=body.get("preview_digest"),
                is_rebased=body["rebase"],
                actor=self.actor(),
                now=self.now,
                signer=signing.signer(),
            ),
            preview=lambda: changesets.preview_draft(
                organization_id=found.organization_id, change_set_id=found.pk, now=self.now
            ),
        )

    def _in_background(self, found: ChangeSet, which: dict[str, Any], body: Mapping[str, Any]) -> Response:
        scheduling.schedule(
            **which,
            when=When(),
            is_rebased=body["rebase"],
            until=body.get("until"),
            preview_digest=body.get("preview_digest"),
            actor=self.actor(),
            now=self.now,
        )
        return Response(detail_item(ChangeSet.objects.get(pk=found.pk)), status=202)


class Revert(Call):
    @documented(
        "Publish the inverse of a change set",
        body=shapes.Reverting,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        found = reach.change_set(self.principal, change_set, "publish")
        body = self.body(shapes.Reverting)
        return self.publishing(
            query,
            lambda: changesets.revert(
                organization_id=found.organization_id,
                change_set_id=found.pk,
                reason=body["reason"],
                preview_digest=body.get("preview_digest"),
                actor=self.actor(),
                now=self.now,
                signer=signing.signer(),
            ),
        )


class Cancel(Call):
    @documented("Cancel a draft", body=shapes.Reasoned, answers={200: answers.ChangeSetDetail})
    def post(self, request: Request, change_set: UUID) -> HttpResponseBase:
        self.query(request)
        found = reach.change_set(self.principal, change_set, "edit")
        body = self.body(shapes.Reasoned)
        return self.once(lambda: self._cancel(found, body["reason"]))

    def _cancel(self, found: ChangeSet, reason: str) -> Response:
        changesets.cancel(
            organization_id=found.organization_id,
            change_set_id=found.pk,
            reason=reason,
            actor=self.actor(),
            now=self.now,
        )
        return Response(detail_item(ChangeSet.objects.get(pk=found.pk)))
