"""Which organizations the running code may see: said once to Python and once to PostgreSQL.

`scope` opens a transaction and names the organizations in it. Row level security reads them from the
setting `ems.orgs`; the managers of tenant models add the same condition to every query. Either alone is
enough to keep strangers out, and each is tested alone.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.expressions import Expression, F, Func

_organizations: ContextVar[frozenset[UUID] | None] = ContextVar("organizations", default=None)


class NoTenantError(RuntimeError):
    """A tenant's rows were asked for outside every `scope`: always a bug, never an answer."""


def current() -> frozenset[UUID]:
    """The organizations of the innermost scope."""
    organizations = _organizations.get()
    if organizations is None:
        raise NoTenantError("tenant rows were asked for outside tenancy.scope()")
    return organizations


@contextmanager
def scope(organization_ids: Iterable[UUID]) -> Iterator[frozenset[UUID]]:
    """One transaction (a savepoint inside another) that sees these organizations only.

    Afterwards the outer scope is back. The database's setting is local to the transaction, so a rollback
    restores it and a pooled connection never carries it to the next user.
    """
    wanted = frozenset(organization_ids)
    outer = _organizations.get()
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested or wanted != outer:
            _tell_database(wanted)
        token = _organizations.set(wanted)
        try:
            yield wanted
        finally:
            _organizations.reset(token)
        # What is to be rolled back takes the setting with it.
        if nested and wanted != outer and not connection.needs_rollback:
            _tell_database(outer or frozenset())


def _tell_database(organizations: frozenset[UUID]) -> None:
    text = ",".join(sorted(str(organization) for organization in organizations))
    with connection.cursor() as cursor:
        # SET LOCAL takes no parameters; the third argument makes the setting local to the transaction.
        cursor.execute("select set_config('ems.orgs', %s, true)", [text])


class _Current(Expression):
    """The current organizations, read when a query is compiled: a lazy one obeys the scope it runs in."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # noqa: ARG002 - Django's signature
        return "%s::uuid[]", [list(current())]


class _Belongs(Func):
    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


class TenantManager(models.Manager[Any]):
    """Only rows of the current organizations; running a query outside a scope raises NoTenantError."""

    column = "organization_id"

    def get_queryset(self) -> models.QuerySet[Any]:
        return self.scoped(super().get_queryset())

    def scoped(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """`rows`, narrowed to the organizations of the scope that will run it."""
        if not settings.TENANT_APPLICATION_FILTER:
            return rows
        return rows.filter(_Belongs(F(self.column), _Current()))


class OwnRowManager(TenantManager):
    """For the organization's own table, whose key is the organization."""

    column = "id"


class TenantModel(models.Model):
    """A row that belongs to one organization. Its migration adds `row_security.tenant` and composite keys."""

    # No index of its own: UNIQUE (organization_id, id) of the migration is one.
    organization = models.ForeignKey("edges.Organization", models.PROTECT, related_name="+", db_index=False)

    objects = TenantManager()

    class Meta:
        abstract = True
