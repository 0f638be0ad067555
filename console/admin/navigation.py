"""The sidebar: what a person may open, in the order of their work."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

from console.admin.scoping import somewhere
from edges.roles import Act

_ENTRIES: list[tuple[str, str, str, Act]] = [
    ("Fleet", "monitoring", "console_fleet", "read"),
    ("Alerts", "warning", "console_alerts", "read"),
    ("Service levels", "monitor_heart", "console_levels", "read"),
    ("Rollouts", "rocket_launch", "console_rollouts", "read"),
    ("History", "history", "console_history", "read"),
    ("Values", "data_object", "console_values", "read"),
    ("Export and import", "swap_vert", "console_transfer", "read"),
    ("Add many edges", "playlist_add", "console_bulk", "manage_edges"),
    ("Edges", "developer_board", "edges_edge_changelist", "read"),
    ("Sites", "location_on", "edges_site_changelist", "read"),
    ("Organizations", "corporate_fare", "edges_organization_changelist", "read"),
    ("Change sets", "edit_note", "configs_changeset_changelist", "read"),
    ("Versions", "layers", "configs_version_changelist", "read"),
    ("Events", "notifications", "edges_edgeevent_changelist", "read"),
    ("Device profiles", "memory", "configs_deviceprofile_changelist", "read"),
    ("People", "group", "console_people", "read"),
    ("Memberships", "badge", "edges_membership_changelist", "read"),
    ("Audit trail", "fact_check", "console_audit", "manage_tokens"),
    ("API tokens", "key", "console_tokens", "manage_tokens"),
    ("Recipients of alerts", "outgoing_mail", "console_recipients", "manage_edges"),
    ("Memberships", "group", "edges_membership_changelist", "read"),
    ("API tokens", "key", "edges_operatortoken_changelist", "manage_tokens"),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Shape: unfold's `SIDEBAR.navigation`."""
    home = {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")}
    items = [
        {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}
        for title, icon, name, act in _ENTRIES
        if somewhere(request, act, by_site=act == "read")
    ]
    return [{"title": None, "items": [home, *items]}]
