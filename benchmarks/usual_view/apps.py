from django.apps import AppConfig


class UsualView(AppConfig):
    name = "benchmarks.usual_view"
    label = "usual"
