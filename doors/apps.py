from django.apps import AppConfig


class DoorsConfig(AppConfig):
    name = "doors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from doors import openapi  # noqa: F401 - drf-spectacular's extensions register when imported
