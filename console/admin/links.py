"""Addresses of the desk's own pages, and links to them."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def layer_address(organization: str, scope: str, target: str) -> str:
    return reverse("admin:console_layer", args=[organization, scope, target])


def layer_link(organization: str, scope: str, target: str) -> SafeString:
    return link(layer_address(organization, scope, target), "Edit the layer")


def edge_address(pk: Any) -> str:
    return reverse("admin:edges_edge_change", args=[pk])


def targets_address(rollout: Any, **filters: Any) -> str:
    """The edges behind a number of a rollout."""
    asked = urlencode({name: value for name, value in filters.items() if value != ""})
    return f"{reverse('admin:console_rollout_targets', args=[rollout])}?{asked}"


def change_address(pk: Any) -> str:
    return reverse("admin:configs_changeset_change", args=[pk])


def link(address: str, text: str) -> SafeString:
    return format_html('<a class="ems-link" href="{}">{}</a>', address, text)
