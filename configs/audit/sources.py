"""Where the audit trail comes from: every table that keeps who did what, each told in the same six words.

Nothing is copied: a row of the trail is read from the row that the act itself wrote.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Concat

from configs.models import ChangeSet, Hold
from configs.rollouts.models import RolloutEntry
from configs.timed.models import ChangeSetEntry
from edges.models import (
    AuditEntry,
    Contact,
    Edge,
    EdgeKey,
    EdgeRequest,
    EnrollmentToken,
    Invitation,
    JournalEntry,
    Membership,
    OperatorToken,
    Organization,
    Site,
)

# Prefixed, because some of the tables have columns of these names.
WORDS = ("trail_at", "trail_what", "trail_by", "trail_about", "trail_detail", "trail_id")
CHANGED = {"+": "added", "~": "changed", "-": "removed"}
Part = QuerySet[Any, dict[str, Any]]


def _text(*parts: str | Combinable) -> Combinable:
    """`parts` as one text; a plain string is a column, a Value is itself."""
    texts = [Cast(F(one) if isinstance(one, str) else one, TextField()) for one in parts]
    filled = [Coalesce(one, Value(""), output_field=TextField()) for one in texts]
    return filled[0] if len(filled) == 1 else Concat(*filled, output_field=TextField())


def _part(
    rows: QuerySet[Any],
    kind: str,
    *,
    at: str,
    what: str | Combinable,
    by: str | Combinable = Value(""),  # noqa: B008 - an expression is never changed
    about: str | Combinable = Value(""),  # noqa: B008 - as above
    detail: str | Combinable = Value(""),  # noqa: B008 - as above
    key: str = "pk",
) -> Part:
    """Rows in which `at` is set, told in the six words."""
    said = Value(what) if isinstance(what, str) else what
    return (
        rows.exclude(**{at: None})
        .order_by()
        .annotate(
            trail_at=F(at),
            trail_what=_text(said),
            trail_by=_text(by),
            trail_about=_text(about),
            trail_detail=_text(detail),
            trail_id=_text(Value(f"{kind}/"), key),
        )
        .values(*WORDS)
    )


def _changes(organization_id: UUID) -> Iterator[Part]:
    rows = ChangeSet.objects.filter(organization=organization_id)
    number = _text(Value("change #"), "number")
    shared: dict[str, Any] = {"about": number, "detail": "reason"}
    yield _part(rows, "change_drafted", at="created_at", what="change_drafted", by="author", **shared)
    published: dict[str, Any] = {"at": "published_at", "what": "change_published", "by": "published_by"}
    yield _part(rows, "change_published", **published, **shared)
    closed = _text(Value("change_"), "state")
    yield _part(rows, "change_closed", at="closed_at", what=closed, about=number)
    holds = Hold.objects.filter(organization=organization_id)
    edge = "edge__edge_id"
    yield _part(holds, "held", at="created_at", what="edge_held", by="by", about=edge, detail="reason")
    yield _part(holds, "released", at="released_at", what="edge_released", by="released_by", about=edge)
    asked = EdgeRequest.objects.filter(organization=organization_id, payload__has_key="by")
    what, why = _text(Value("asked_to_"), "kind"), KT("payload__reason")
    said: dict[str, Any] = {"what": what, "by": KT("payload__by"), "about": edge, "detail": why}
    yield _part(asked, "asked", at="created_at", **said)
    yield _part(
        RolloutEntry.objects.filter(organization=organization_id),
        "rollout",
        at="at",
        what=_text(Value("rollout_"), "what"),
        by="by",
        about=_text(Value("change #"), "rollout__change_set__number"),
        detail="reason",
    )


def _waits(organization_id: UUID) -> Iterator[Part]:
    """Schedules, planned ends and approvals; the rule of approvals."""
    rows = ChangeSetEntry.objects.filter(organization=organization_id)
    shared: dict[str, Any] = {"at": "at", "by": "by", "detail": "detail"}
    about = _text(Value("change #"), "change_set__number")
    what = _text(Value("change_"), "what")
    yield _part(rows.filter(change_set__isnull=False), "waits", what=what, about=about, **shared)
    rules = rows.filter(change_set__isnull=True)
    yield _part(rules, "rule", what=F("what"), about=Value("approvals"), **shared)


def _keys(organization_id: UUID) -> Iterator[Part]:
    keys = EdgeKey.objects.filter(organization=organization_id)
    about = _text("edge__edge_id", Value(" key "), "key_id")
    yield _part(keys, "key_made", at="created_at", what="key_made", by="edge__edge_id", about=about)
    revoked: dict[str, Any] = {"by": "revoked_by", "about": about, "detail": "revoked_reason"}
    yield _part(keys, "key_revoked", at="revoked_at", what="key_revoked", **revoked)
    tokens = EnrollmentToken.objects.filter(organization=organization_id)
    edge = "edge__edge_id"
    made = {"what": "enrollment_token_made", "by": "created_by", "about": edge}
    yield _part(tokens, "enrollment_token_made", at="created_at", **made)
    used = {"what": "enrollment_token_used", "by": edge, "about": edge}
    yield _part(tokens, "enrollment_token_used", at="used_at", **used)


def _people(organization_id: UUID) -> Iterator[Part]:
    tokens = OperatorToken.objects.filter(organization=organization_id)
    about = _text(Value("token "), "name")
    made: dict[str, Any] = {"by": "user__username", "about": about, "detail": "role"}
    yield _part(tokens, "token_made", at="created_at", what="token_made", **made)
    yield _part(tokens, "token_revoked", at="revoked_at", what="token_revoked", by="revoked_by", about=about)
    invitations = Invitation.objects.filter(organization=organization_id)
    made = {"by": "created_by", "about": "email", "detail": "role"}
    yield _part(invitations, "invited", at="created_at", what="invited", **made)
    joined = {"by": "accepted_by", "about": "email", "detail": "role"}
    yield _part(invitations, "joined", at="accepted_at", what="invitation_accepted", **joined)
    ended = {"by": "revoked_by", "about": "email"}
    yield _part(invitations, "uninvited", at="revoked_at", what="invitation_revoked", **ended)
    entries = AuditEntry.objects.filter(organization=organization_id)
    yield _part(entries, "act", at="at", what=F("what"), by="by", about="about", detail="detail")
    notes = JournalEntry.objects.filter(organization=organization_id)
    place = _text("site__code", Value(" "), "edge__edge_id")
    yield _part(notes, "note", at="written_at", what="noted", by="by", about=place, detail="text")


def _histories(organization_id: UUID) -> Iterator[Part]:
    tables: list[tuple[str, Any, str, str, str]] = [
        ("membership", Membership, "organization_id", "user__username", "role"),
        ("organization", Organization, "id", "code", "name"),
        ("site", Site, "organization_id", "code", "name"),
        ("edge", Edge, "organization_id", "edge_id", "stage"),
        ("contact", Contact, "organization_id", "name", "role"),
    ]
    for name, model, owner, about, detail in tables:
        for sign, verb in CHANGED.items():
            rows = model.history.filter(**{owner: organization_id, "history_type": sign})
            by = "history_user__username"
            said: dict[str, Any] = {"what": f"{name}_{verb}", "by": by, "about": about, "detail": detail}
            yield _part(rows, f"{name}_history", at="history_date", key="history_id", **said)


SOURCES: tuple[Callable[[UUID], Iterator[Part]], ...] = (_changes, _waits, _keys, _people, _histories)


def parts(organization_id: UUID) -> list[Part]:
    """Every source of one organization. Needs a scope."""
    return [part for source in SOURCES for part in source(organization_id)]
