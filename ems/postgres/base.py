"""Django's PostgreSQL backend, with one question more: does row level security bind the role we run as?

Asked once a process, of the first connection, so that no server can start serving as an owner or superuser,
whichever way it was started.
"""

from typing import ClassVar

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL

from ems.database_roles import refuse_unsafe_role


class DatabaseWrapper(PostgreSQL):
    """The application's connection. Errors: ImproperlyConfigured for a role that could see every tenant."""

    proven: ClassVar[set[tuple[str, str, str]]] = set()

    def init_connection_state(self) -> None:
        super().init_connection_state()
        address = (self.settings_dict["HOST"], self.settings_dict["NAME"], self.settings_dict["USER"])
        if address in self.proven:
            return
        with self.connection.cursor() as cursor:
            refuse_unsafe_role(cursor)
        self.proven.add(address)
