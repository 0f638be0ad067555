from django.urls import path

from benchmarks.usual_view.views import ConfigView

urlpatterns = [path("api/v1/edges/<str:edge_id>/config", ConfigView.as_view())]
