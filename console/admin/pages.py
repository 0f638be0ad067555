"""Importing this registers every page with the desk."""

from console.admin import (
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
