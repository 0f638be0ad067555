"""The sidebar: what a person may open, in the order of their work."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from console.admin.scoping import somewhere
from edges.roles import Act

Entry = tuple[str, str, str, Act]  # title, icon, name of the page, what it takes
_GROUPS: list[tuple[str | None, list[Entry]]] = [
    (
        None,
        [
            ("Fleet", "monitoring", "console_fleet", "read"),
            ("Alerts", "warning", "console_alerts", "read"),
            ("Holds", "pause_circle", "console_holds", "read"),
            ("Rollouts", "rocket_launch", "console_rollouts", "read"),
            ("Waiting for approval", "approval", "console_waiting", "read"),
            ("History", "history", "console_history", "read"),
            ("Values", "data_object", "console_values", "read"),
            ("Service levels", "monitor_heart", "console_levels", "read"),
        ],
    ),
    (
        "What there is",
        [
            ("Edges", "developer_board", "edges_edge_changelist", "read"),
            ("Sites", "location_on", "edges_site_changelist", "read"),
            ("Organizations", "corporate_fare", "edges_organization_changelist", "read"),
            ("Add many edges", "playlist_add", "console_bulk", "manage_edges"),
            ("Export and import", "swap_vert", "console_transfer", "read"),
            ("Device profiles", "memory", "configs_deviceprofile_changelist", "read"),
        ],
    ),
    (
        "Records",
        [
            ("Change sets", "edit_note", "configs_changeset_changelist", "read"),
            ("Versions", "layers", "configs_version_changelist", "read"),
            ("Events", "notifications", "edges_edgeevent_changelist", "read"),
            ("Audit trail", "fact_check", "console_audit", "manage_tokens"),
        ],
    ),
    (
        "People",
        [
            ("People", "group", "console_people", "read"),
            ("Memberships", "badge", "edges_membership_changelist", "read"),
            ("API tokens", "key", "console_tokens", "manage_tokens"),
            ("Recipients of alerts", "outgoing_mail", "console_recipients", "manage_edges"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Shape: unfold's `SIDEBAR.navigation`."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups = []
    for title, entries in _GROUPS:
        items = [_item(entry) for entry in entries if _is_theirs(request, entry)]
        if title is None:
            items.insert(0, home)
        if items:
            groups.append({"title": title, "items": items})
    return groups


def _item(entry: Entry) -> dict[str, Any]:
    title, icon, place, _ = entry
    return {"title": title, "icon": icon, "link": reverse(f"admin:{place}")}


def _is_theirs(request: HttpRequest, entry: Entry) -> bool:
    act = entry[3]
    return somewhere(request, act, by_site=act == "read")
