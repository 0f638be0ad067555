"""Importing this registers every page with the desk."""

from console.admin import (
    audit_page,
    edge_pages,
    edges,
    fleet_page,
    home,
    join_page,
    layers,
    organizations,
    people_page,
    records,
    rollout_pages,
    second_factor_page,
    sign_in,
    site_book,
    token_pages,
)

__all__ = [
    "audit_page",
    "edge_pages",
    "edges",
    "fleet_page",
    "home",
    "join_page",
    "layers",
    "organizations",
    "people_page",
    "records",
    "rollout_pages",
    "second_factor_page",
    "sign_in",
    "site_book",
    "token_pages",
]
