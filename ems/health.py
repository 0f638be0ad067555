"""Is this process alive, and is it ready to serve?"""

from datetime import UTC, datetime

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


def _answer(status: str, code: int) -> JsonResponse:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    response = JsonResponse({"status": status, "timestamp": now, "service": "ems"}, status=code)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def alive(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """200 as long as the process answers; asks nothing of anything else."""
    return _answer("ok", 200)


@require_safe
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """200 when the database answers and has every migration, else 503."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return _answer("database unreachable", 503)
    return _answer("migrations pending", 503) if pending else _answer("ok", 200)
