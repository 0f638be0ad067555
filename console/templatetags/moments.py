"""A moment on a page: by the clock of the site or the organization that the page is about, with UTC on hover.

The clock: `zone` where a template says it, else that of the page's `edge`, `site` or `organization`, else the
one that all organizations of the person share, else UTC.
"""

from datetime import UTC, datetime

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.admin import clocks
from edge_protocol.instants import format_instant
from edges.models import Edge, Organization, Site

register = template.Library()


@register.simple_tag(takes_context=True)
def moment(
    context: Context, at: datetime | str | None, absent: str = "", named: bool = False
) -> SafeString | str:
    """`at`: also as text of the wire. `named`: in a sentence, where no head of a column names the zone."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) and at else at
    if not isinstance(instant, datetime):
        return absent
    zone = _zone(context)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}{}</time>',
        format_instant(instant),
        f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        clocks.told(instant, zone, _now(context)),
        f" ({clocks.named(zone)})" if named else "",
    )


@register.simple_tag(takes_context=True)
def moment_text(context: Context, at: datetime) -> str:
    """The same where no element may stand, such as in a choice of a list."""
    return clocks.told(at, _zone(context), _now(context))


@register.simple_tag(takes_context=True)
def zone_words(context: Context) -> str:
    return clocks.named(_zone(context))


def _zone(context: Context) -> str:
    if said := context.get("zone"):
        return str(said)
    edge, site, organization = (context.get(name) for name in ("edge", "site", "organization"))
    if isinstance(edge, Edge):
        return edge.site.time_zone
    if isinstance(site, Site | Organization):
        return site.time_zone
    return organization.time_zone if isinstance(organization, Organization) else _shared(context)


def _shared(context: Context) -> str:
    """One query a page, at most."""
    request = context.get("request")
    if request is None or not getattr(request, "user", None) or not request.user.is_authenticated:
        return clocks.WORDS_OF_UTC
    if not hasattr(request, "shared_zone"):
        zones = Organization.objects.order_by().values_list("time_zone", flat=True).distinct()
        request.shared_zone = clocks.shared(zones[:2])
    return str(request.shared_zone)


def _now(context: Context) -> datetime:
    return getattr(context.get("request"), "now", None) or datetime.now(UTC)
