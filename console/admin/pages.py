"""Importing this registers every page with the desk."""

from console.admin import (
    edge_pages,
    edges,
    fleet_page,
    history_page,
    home,
    layers,
    organizations,
    records,
    rollout_pages,
    values_page,
)

__all__ = [
    "edge_pages",
    "edges",
    "fleet_page",
    "history_page",
    "home",
    "layers",
    "organizations",
    "records",
    "rollout_pages",
    "values_page",
]
