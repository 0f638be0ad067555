"""Importing this registers every page with the desk."""

from console.admin import edge_pages, edges, home, layers, organizations, records

__all__ = ["edge_pages", "edges", "home", "layers", "organizations", "records"]
