"""History tables are tenant tables too: the same filter in Python, the same policy in PostgreSQL."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords

from edges.tenancy import OwnRowManager, TenantManager


class _TenantRows(models.Model):
    objects = TenantManager()

    class Meta:
        abstract = True


class _OwnRows(models.Model):
    objects = OwnRowManager()

    class Meta:
        abstract = True


class _TenantHistoryManager(HistoryManager):
    def get_super_queryset(self) -> models.QuerySet[Any]:
        return self.model.objects.scoped(super().get_super_queryset())


def who(request: HttpRequest, **_: Any) -> Any | None:
    """The person who made the request: a session's user, or the one whom an operator token stands for."""
    user = getattr(request, "user", None)
    if isinstance(user, get_user_model()):
        return user
    pk = getattr(user, "user_id", None)
    return None if pk is None else get_user_model()(pk=pk)


def tenant_history() -> HistoricalRecords:
    """simple-history for a tenant model; its migration adds `row_security.tenant` for that table too."""
    return HistoricalRecords(bases=[_TenantRows], get_user=who, history_manager=_TenantHistoryManager)


def organization_history() -> HistoricalRecords:
    """The same for the organization itself."""
    return HistoricalRecords(bases=[_OwnRows], get_user=who, history_manager=_TenantHistoryManager)
