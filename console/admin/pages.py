"""Importing this registers every page with the desk."""

from console.admin import layers, organizations, records

__all__ = ["layers", "organizations", "records"]
