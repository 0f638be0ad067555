"""What was planned for a time and did not happen: publishes that were refused, ends that were missed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from configs.models import State
from monitoring.causes import Cause

# An end that waits for a rollout is tried again every five minutes; so long after it, somebody is told.
OVERDUE_AFTER = timedelta(minutes=30)
MOST_TEXT = 1000
_WAITING: Final = frozenset({State.DRAFT, State.AWAITING_APPROVAL, State.REJECTED, State.SCHEDULED})
_IN_FORCE: Final = frozenset({State.PUBLISHED, State.IN_ROLLOUT})
# The newest of these says how the plan stands; what else happened to the change does not.
_OF_PUBLISHING = ["scheduled", "rescheduled", "unscheduled", "put_back", "window_missed"]
_OF_ENDING = ["end_planned", "end_refused"]

_PLANS = """
SELECT c.id, c.number, c.reason, c.state, t.until, t.said, coalesce(last.what, ''), coalesce(last.detail, '')
  FROM configs_timing t
  JOIN configs_changeset c ON c.id = t.change_set_id AND c.organization_id = t.organization_id
  LEFT JOIN LATERAL (
       SELECT e.what, e.detail FROM configs_changesetentry e
        WHERE e.change_set_id = c.id AND e.organization_id = c.organization_id
          AND CASE WHEN c.state = ANY(%(waiting)s) THEN e.what = ANY(%(publishing)s)
                   ELSE e.what = ANY(%(ending)s) END
        ORDER BY e.id DESC LIMIT 1) last ON true
 WHERE t.organization_id = %(organization)s
   AND (c.state = ANY(%(waiting)s) OR (c.state = ANY(%(in_force)s) AND t.until IS NOT NULL))
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set with a time. `last`: the newest word on its publishing while it waits, else on its end."""

    change_set: UUID
    number: int
    reason: str
    state: str
    until: datetime | None
    said: str
    last: str
    detail: str


def stand(organization_id: UUID, now: datetime) -> tuple[dict[Cause, set[UUID]], datetime | None]:
    """The plans that failed, causes that reach no edge; when the next may. Needs a scope. One query."""
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "waiting": sorted(_WAITING),
        "in_force": sorted(_IN_FORCE),
        "publishing": _OF_PUBLISHING,
        "ending": _OF_ENDING,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PLANS, parameters)
        plans = [Plan(*row) for row in cursor.fetchall()]
    found = [cause for one in plans if (cause := judge(one, now)) is not None]
    return {cause: set() for cause in found}, _next(plans, now)


def judge(plan: Plan, now: datetime) -> Cause | None:
    """What went wrong with it, if anything. Pure."""
    if plan.state in _WAITING:
        if plan.last == "put_back":
            return _cause(
                "not_published", plan, "was not published when it was due", plan.said or plan.detail
            )
        if plan.last == "window_missed":
            missed = f"No worker took it up while its window was open. It waits for the next: {plan.detail}."
            return _cause("not_published", plan, "was not published in its window", missed)
        return None
    if plan.last == "end_refused":
        return _cause("not_ended", plan, "is still in force after its planned end", plan.detail)
    if plan.until is not None and plan.until + OVERDUE_AFTER <= now:
        waits = plan.said or "No worker has carried out its planned end."
        return _cause("not_ended", plan, "is still in force after its planned end", waits)
    return None


def _cause(kind: str, plan: Plan, what: str, why: str) -> Cause:
    return Cause(
        kind,  # type: ignore[arg-type]
        f"{kind}:{plan.change_set}",
        f"Change #{plan.number} {what}",
        f"{why} The change's reason: {plan.reason}"[:MOST_TEXT],
        change_set=plan.change_set,
    )


def _next(plans: Collection[Plan], now: datetime) -> datetime | None:
    due = [one.until + OVERDUE_AFTER for one in plans if one.until is not None and one.state in _IN_FORCE]
    return min((at for at in due if at > now), default=None)
