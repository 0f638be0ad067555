"""The desk's scripts and styles, straight from their packages: no build and no collecting step.

A proxy in front may serve STATIC_ROOT itself after `manage.py collectstatic`.
"""

import mimetypes
from datetime import UTC, datetime
from pathlib import Path

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

CACHE = "public, max-age=3600"


def _found(path: str) -> Path | None:
    """The file inside a package's or the project's static folder; finders refuse to leave those."""
    try:
        found = finders.find(path)
    except (SuspiciousFileOperation, ValueError):  # a way out, or a name that no file can have
        return None
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None


def _modified_at(_request: HttpRequest, path: str) -> datetime | None:
    file = _found(path)
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC) if file else None


@require_safe
@condition(last_modified_func=_modified_at)
def serve(_request: HttpRequest, path: str) -> HttpResponse:
    """One file, whole: they are small, and a streamed one would block the event loop."""
    file = _found(path)
    if file is None:
        raise Http404
    content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return HttpResponse(file.read_bytes(), content_type=content_type, headers={"Cache-Control": CACHE})
