"""The edge calls. Included by ems/urls.py; the notice socket is routed in ems/asgi.py."""

from django.urls import path, register_converter

from sync_api.config_views import BundleView, ConfigView, DeltaView
from sync_api.identity_views import EnrollView, RotateView, TrustRootView
from sync_api.report_views import EventsView, HeartbeatView


class SmallNumber:
    """A number of at most nine digits without leading zeros: whatever else stands there names nothing."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(SmallNumber, "number")

EDGE = "api/v1/edges/<str:edge_id>"
urlpatterns = [
    path("api/v1/enroll", EnrollView.as_view(), name="enroll"),
    path(f"{EDGE}/config", ConfigView.as_view(), name="config"),
    path(f"{EDGE}/config/delta", DeltaView.as_view(), name="config-delta"),
    path(f"{EDGE}/heartbeat", HeartbeatView.as_view(), name="heartbeat"),
    path(f"{EDGE}/events", EventsView.as_view(), name="events"),
    path(f"{EDGE}/keys/rotate", RotateView.as_view(), name="keys-rotate"),
    path(f"{EDGE}/versions/<number:number>/bundle", BundleView.as_view(), name="bundle"),
    path("api/v1/trust/roots/<number:root_version>", TrustRootView.as_view(), name="trust-root"),
]
