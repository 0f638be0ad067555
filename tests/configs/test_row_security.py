"""Every tenant table of configs is behind forced row level security."""

import pytest
from django.apps import apps
from django.db import connection

from edges.tenancy import TenantModel

TABLES = [
    model._meta.db_table
    for model in apps.get_app_config("configs").get_models()
    if issubclass(model, TenantModel)
]


@pytest.mark.parametrize("table", TABLES)
def test_every_tenant_table_forces_row_level_security(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select relrowsecurity, relforcerowsecurity from pg_class where oid = %s::regclass", [table]
        )
        assert cursor.fetchone() == (True, True)
