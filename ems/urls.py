"""Every address of the cloud, app by app."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from ems import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.alive),
    path("health/ready", health.ready),
]
urlpatterns += [
    path("", include(module)) for module in ("sync_api.urls", "console.urls") if find_spec(module)
]
