"""Refused content, offered once more."""

from dataclasses import replace
from datetime import datetime

from configs import publishing
from configs.changes import Actor, Change
from configs.deciding import EdgePlan, carries
from configs.models import Kind, Quarantine
from configs.moving import Motion
from configs.outcomes import Outcome
from configs.planning import Plan
from configs.refusals import NotInState
from configs.signing import Signer
from edges.models import Edge, EdgeStatus

RETRY = "retry"
REFUSED = frozenset({"rejected", "failed", "rolled_back", "critical"})


def retry(*, edge: Edge, reason: str, actor: Actor, now: datetime, signer: Signer) -> Outcome:
    """A new version of what the edge's pins lead to, which lifts the quarantine of the refused one, once.

    Errors: NotInState when nothing that the edge should run was refused; ChangeRefused, ClockRefused.
    """
    change = Change(reason=reason, operations=(), kind=Kind.RETRY)
    motion = Motion(lifted=frozenset({edge.pk}))

    def planner() -> Plan:
        plan = publishing.prepare(edge.organization_id, change, now=now, motion=motion)
        fate = plan.edges[0] if plan.edges else None
        if fate is None or fate.why is not None:
            raise NotInState(f"{edge.edge_id} cannot be offered anything: {fate.why if fate else 'unknown'}.")
        return replace(plan, kinds={edge.pk: (RETRY, _refused_version(edge, fate))})

    return publishing.publish_plan(edge.organization_id, planner, actor=actor, now=now, signer=signer)


def _refused_version(edge: Edge, fate: EdgePlan) -> int:
    """The newest version that the edge refused, of those whose content this is."""
    rows = Quarantine.objects.filter(edge=edge, lifted_at=None).order_by("-version")
    for version, sections in rows.values_list("version", "sections"):
        if carries(fate.sections, sections):
            return int(version)
    attempt = EdgeStatus.objects.filter(pk=edge.pk).values_list("last_attempt", flat=True).first() or {}
    if attempt.get("status") in REFUSED and attempt.get("version") == fate.facts.version and not fate.changed:
        return int(attempt["version"])
    raise NotInState(f"{edge.edge_id} refused nothing of what it should run.")
