"""History tables are tenant tables too: the same filter in Python, the same policy in PostgreSQL."""

from typing import Any

from django.db import models
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


def tenant_history() -> HistoricalRecords:
    """simple-history for a tenant model; its migration adds `row_security.tenant` for that table too."""
    return HistoricalRecords(bases=[_TenantRows], history_manager=_TenantHistoryManager)


def organization_history() -> HistoricalRecords:
    """The same for the organization itself."""
    return HistoricalRecords(bases=[_OwnRows], history_manager=_TenantHistoryManager)
