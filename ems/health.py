"""Is this process alive, and is it ready to serve?"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout

from doors.metrics import metrics
from doors.problems import problem

logger = logging.getLogger("ems.health")

# The code of a process does not change: once every migration was there, only the database is asked.
_migrated = Event()


def _ok() -> JsonResponse:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    response = JsonResponse({"status": "ok", "timestamp": now, "service": "ems"})
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def alive(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """200 as long as the process answers; asks nothing of anything else."""
    return _ok()


@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """200 when the database answers and has every migration, else a problem that says what is missing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        if not _migrated.is_set() and _pending():
            return problem("unavailable", 503, "Migrations are pending: run `manage.py setup`.")
    except (DatabaseError, PoolTimeout):
        return problem("unavailable", 503, "The database does not answer.")
    except ImproperlyConfigured as error:
        logger.error("%s", error)
        return problem("unavailable", 503, "The database role is not the application's.")
    _migrated.set()
    return _ok()


class ProbesMiddleware:
    """Answers probes and scrapes before anything looks at the Host: they ask by the machine's address."""

    views: ClassVar = {"/health": alive, "/health/ready": ready, "/metrics": metrics}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = self.views.get(request.path_info)
        return self.get_response(request) if view is None else view(request)


def _pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
