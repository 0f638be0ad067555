"""Every address of the cloud, app by app. Pages that Django answers by itself are problems too."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from doors.metrics import metrics
from ems import health, static_files

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.alive, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
    path("static/<path:path>", static_files.serve, name="static"),
]
urlpatterns += [
    path("", include(module)) for module in ("sync_api.urls", "console.urls") if find_spec(module)
]

handler400 = "doors.problems.bad_request"
handler403 = "doors.problems.forbidden"
handler404 = "doors.problems.not_found"
handler500 = "doors.problems.server_error"
