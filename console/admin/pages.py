"""Importing this registers every page with the desk."""

from console.admin import organizations, records

__all__ = ["organizations", "records"]
