#!/usr/bin/env python
"""Every administrative act of the cloud: `python manage.py help`."""

import os
import sys
from contextlib import nullcontext

# These need no database, or see to it themselves.
ALONE = frozenset(
    {"", "help", "version", "--help", "--version", "check", "collectstatic", "setup", "serve", "demo"}
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ems.settings")
    from django.conf import settings  # after the settings module is named
    from django.core.management import execute_from_command_line

    from ems import database

    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command != "serve":  # a pool is for servers: one command needs one connection
        settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
    embedded = command not in ALONE and settings.EMBEDDED_DATABASE
    with database.supervised(settings.EMS_VAR) if embedded else nullcontext():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
