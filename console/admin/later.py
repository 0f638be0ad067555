"""The part of a page that the page asks for itself once it has come, because it reads the whole fleet.

Without scripts a link leads to the same page with the part in it, which is also what the script asks for.
"""

from django.http import HttpRequest

FORECAST = "forecast"


def is_asked(request: HttpRequest) -> bool:
    """What was sent and is shown again comes whole, with what was typed."""
    return request.method == "POST" or FORECAST in request.GET


def address(request: HttpRequest) -> str:
    """Where the part comes from, what the page was asked for included; empty when the page has it."""
    if is_asked(request):
        return ""
    query = request.GET.copy()
    query[FORECAST] = "1"
    return f"{request.path}?{query.urlencode()}"
