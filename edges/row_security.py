"""SQL for migrations that keeps a table's rows inside their organization. Every tenant table passes here."""

from django.db.migrations import RunSQL

# A sub-select, so that the setting is read and split once a statement and not once a row.
_ALLOWED = "(select string_to_array(nullif(current_setting('ems.orgs', true), ''), ',')::uuid[])::uuid[]"


def tenant_sql(table: str, column: str = "organization_id", *, key: str | None = "id") -> tuple[str, str]:
    """Row level security for `table`, its owner too, and UNIQUE (organization, key) for composite keys."""
    mine = f"{column} = ANY({_ALLOWED})"
    forward = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING ({mine}) WITH CHECK ({mine})",
    ]
    backward = [
        f"DROP POLICY tenant ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]
    if key is not None and key != column:
        forward.append(f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant UNIQUE ({column}, {key})")
        backward.insert(0, f"ALTER TABLE {table} DROP CONSTRAINT {table}_tenant")
    return ";\n".join(forward), ";\n".join(backward)


def composite_key_sql(table: str, column: str, parent: str, parent_key: str = "id") -> tuple[str, str]:
    """`table.column` may only name the same organization's rows (foreign keys ignore row security)."""
    name = f"{table}_{column}_in_org"
    forward = (
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column}) "
        f"REFERENCES {parent} (organization_id, {parent_key}) DEFERRABLE INITIALLY IMMEDIATE"
    )
    return forward, f"ALTER TABLE {table} DROP CONSTRAINT {name}"


def tenant(table: str, column: str = "organization_id", *, key: str | None = "id") -> RunSQL:
    """`tenant_sql` as a migration's operation."""
    return RunSQL(*tenant_sql(table, column, key=key))


def composite_key(table: str, column: str, parent: str, parent_key: str = "id") -> RunSQL:
    """`composite_key_sql` as a migration's operation."""
    return RunSQL(*composite_key_sql(table, column, parent, parent_key))
