"""Importing this registers every page with the desk."""

from console.admin import (
    bulk_page,
    edge_pages,
    edges,
    fleet_page,
    history_page,
    home,
    layers,
    organizations,
    records,
    rollout_pages,
    transfer_pages,
    values_page,
)

__all__ = [
    "bulk_page",
    "edge_pages",
    "edges",
    "fleet_page",
    "history_page",
    "home",
    "layers",
    "organizations",
    "records",
    "rollout_pages",
    "transfer_pages",
    "values_page",
]
