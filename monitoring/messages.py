"""What a message says: of whom it is, what stands, where, since which change, and what to do next."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from edges.models import Organization, Site
from monitoring.causes import NEXT
from monitoring.models import Alert, AlertEdge, AlertEntry, Recipient

MOST_EDGES, MOST_SITES = 20, 20
MOST_SUBJECT = 150
# How an event reads after what stands.
HOW = {"spread": "open since {opened_at}, concerns you since {at}"}


def of_alert(alert: Alert, entry: AlertEntry, recipient: Recipient) -> dict[str, Any]:
    """A webhook's body, and what an e-mail is written from. A site's recipient reads of that site alone."""
    present = alert.reached.filter(left_at=None)
    reached = present if entry.what != "resolved" else alert.reached.all()
    if recipient.site_id is not None:
        present, reached = (rows.filter(edge__site=recipient.site_id) for rows in (present, reached))
    names = reached.order_by("edge__edge_id").values_list("edge__edge_id", flat=True)
    return {
        "event": f"alert.{entry.what}",
        "organization": of_organization(alert.organization),
        "alert": {
            "id": str(alert.pk),
            "kind": alert.kind,
            "what": alert.what,
            "detail": alert.detail,
            "reach": alert.reach if recipient.site_id is None else present.count(),
            "edges": list(names[:MOST_EDGES]),
            "sites": _sites(reached),
            "change": _change(alert),
            "rollout": _rollout(alert),
            "opened_at": alert.opened_at.isoformat(),
            "resolved_at": None if alert.resolved_at is None else alert.resolved_at.isoformat(),
            "owner": alert.owner,
            "next_step": NEXT[alert.kind],  # type: ignore[index]
            "address": f"{settings.PUBLIC_URL}/admin/alerts/{alert.pk}/" if settings.PUBLIC_URL else None,
        },
        "at": entry.at.isoformat(),
    }


def of_test(recipient: Recipient, *, by: str, now: datetime) -> dict[str, Any]:
    return {
        "event": "test",
        "organization": of_organization(recipient.organization),
        "by": by,
        "at": now.isoformat(),
    }


def of_organization(one: Organization) -> dict[str, str]:
    return {"code": one.code, "name": one.name}


def _sites(reached: QuerySet[AlertEdge]) -> list[dict[str, str]]:
    rows = Site.objects.filter(pk__in=reached.order_by().values("edge__site")).order_by("code")
    return list(rows.values("code", "name")[:MOST_SITES])


def _change(alert: Alert) -> dict[str, Any] | None:
    found = alert.change_set
    if found is None:
        return None
    return {"id": str(found.pk), "number": found.number, "author": found.author, "reason": found.reason}


def _rollout(alert: Alert) -> dict[str, str] | None:
    found = alert.rollout
    return None if found is None else {"id": str(found.pk), "phase": found.phase}


def written(body: dict[str, Any]) -> tuple[str, str]:
    """Subject and text of an e-mail. Pure. What a message of before does not say is left out."""
    name = body.get("organization", {}).get("name", "")
    sender = f"EMS {name}".strip()
    if body["event"] == "test":
        return f"{sender}: a test", f"A test, sent by {body['by']}. Alerts will reach you here.\n"
    alert, what = body["alert"], body["event"].removeprefix("alert.")
    how = HOW.get(what, f"{what} at {{at}}").format(opened_at=alert["opened_at"], at=body["at"])
    lines = [
        f"{alert['what']}: {how}.",
        f"Organization: {name}" if name else "",
        *_where(alert),
        *_since(alert),
        f"Next step: {alert['next_step']}" if what != "resolved" else "",
        f"More: {alert['address']}" if alert["address"] else "",
    ]
    subject = " ".join(f"{sender}: {alert['what']} ({what})".split())
    return subject[:MOST_SUBJECT], "\n".join(line for line in lines if line) + "\n"


def _where(alert: dict[str, Any]) -> list[str]:
    sites = ", ".join(one["name"] for one in alert.get("sites", ()))
    edges = ", ".join(alert["edges"])
    return [f"Sites: {sites}" if sites else "", f"Edges: {alert['reach']} ({edges})" if edges else ""]


def _since(alert: dict[str, Any]) -> list[str]:
    change, rollout = alert.get("change"), alert.get("rollout")
    made = f"#{change['number']} by {change['author']}: {change['reason']}" if change else ""
    return [
        f"Change: {' '.join(made.split())}" if made else "",
        f"Rollout: {rollout['phase'].replace('_', ' ')}" if rollout else "",
        f"Cause: {alert['detail']}" if alert["detail"] else "",
    ]
