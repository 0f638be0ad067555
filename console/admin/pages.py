"""Importing this registers every page with the desk."""

from console.admin import (
    alert_pages,
    edge_pages,
    edges,
    fleet_page,
    home,
    layers,
    level_pages,
    organizations,
    recipient_pages,
    records,
    rollout_pages,
)

__all__ = [
    "alert_pages",
    "edge_pages",
    "edges",
    "fleet_page",
    "home",
    "layers",
    "level_pages",
    "organizations",
    "recipient_pages",
    "records",
    "rollout_pages",
]
