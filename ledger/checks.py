"""`manage.py check --database default`: whether the second wall stands before this process's login."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from ledger.roles import APPLICATION
from ledger.tenancy import EVERY_BOOK

_FIX = "Give each process its own login: docs/operator.md, Logins."
_LOGIN = """
SELECT r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
               AND c.relkind IN ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'USAGE')),
       EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname = %s AND pg_has_role(r.oid, g.oid, 'USAGE')),
       coalesce(current_setting('app.book', true), '')
FROM pg_roles r WHERE r.rolname = current_user
"""


@register(Tags.database)
def check_login(
    app_configs: Sequence[AppConfig] | None = None, databases: Iterable[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Errors where the login could step around row-level security, or would see the wrong books. The owner may."""
    if settings.LOGIN == "owner":
        return []
    return [Error(words, hint=_FIX, id=f"ledger.{code}") for name in databases or () for code, words in _wrong(name)]


def _wrong(database: str) -> Iterable[tuple[str, str]]:
    with connections[database].cursor() as cursor:
        cursor.execute(_LOGIN, [APPLICATION])
        superuser, bypasses, owns, member, named = cursor.fetchone()
    if superuser or bypasses:
        yield "E001", f"The {settings.LOGIN}'s login is a superuser or has BYPASSRLS: no policy holds it."
    if owns and not superuser:
        yield "E002", f"The {settings.LOGIN}'s login owns the tables: it could drop their policies."
    if not member:
        yield "E003", f"The {settings.LOGIN}'s login is no member of {APPLICATION}, which holds the grants."
    if named != (EVERY_BOOK if settings.LOGIN == "worker" else ""):
        meant = "begin with every book" if settings.LOGIN == "worker" else "begin without a book"
        yield "E004", f"The {settings.LOGIN}'s login must {meant}: app.book is '{named}'."
