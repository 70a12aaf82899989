"""Databases for the ledger's figures, beside the run's own on the same server, and dropped after it.

`python -m tests.bench.ledger_books` migrates DATABASE_URL's database and fills it: one book with `ACCOUNTS` accounts
and `STORED` entries, `BOOKS` small ones, tables for COPY that hold the same rows,
and those of `barest.sql`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from cryptopay.devnet import logins, places

ACCOUNTS = 20_000
STORED = 50_000
BOOKS = 100
ACCOUNTS_OF_A_BOOK = 200
LARGE_BOOK = "Large"
_BAREST = Path(__file__).with_name("barest.sql")


@contextmanager
def scratch(name: str, template: str = "template0") -> Iterator[str]:
    """The URL of a new database."""
    server = os.environ["DATABASE_URL"]
    here = sql.Identifier(f"bench_{name}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(here, sql.Identifier(template)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/bench_{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(here))


def settings(url: str, *, login: str) -> dict[str, str]:
    """Of a program that works in that database, as one of its logins."""
    logged_in = {"CRYPTOPAY_LOGIN": login, "DATABASE_URL": url, **logins.beside(url)}
    return {**logged_in, "DJANGO_SETTINGS_MODULE": "cryptopay.settings"}


def prepare(url: str) -> None:
    """Fills the database in an interpreter of its own: Django knows one database at a time."""
    subprocess.run(
        [sys.executable, "-m", "tests.bench.ledger_books"],
        env={**os.environ, **settings(url, login="owner")},
        cwd=places.CHECKOUT,
        check=True,
    )


def small_books(url: str) -> dict[str, int]:
    """Numbers a script can reckon accounts from: the ids of the small books and of their accounts follow each other."""
    question = """
        SELECT min(b.id), max(b.id) - min(b.id) + 1, min(a.id), max(a.id) - min(a.id) + 1
        FROM ledger_book b JOIN ledger_account a ON a.book_id = b.id WHERE b.name <> %s
    """
    with psycopg.connect(url) as connection:
        first_book, books, first_account, accounts = connection.execute(question, [LARGE_BOOK]).fetchall()[0]
    if (books, accounts) != (BOOKS, BOOKS * ACCOUNTS_OF_A_BOOK):
        raise RuntimeError("the ids have gaps")
    firsts = {"first_book": first_book, "first_account": first_account}
    return {**firsts, "books": BOOKS, "accounts": ACCOUNTS_OF_A_BOOK}


def _fill() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from ledger.roles import APPLICATION
    from tests.bench import ledger_client

    call_command("migrate", verbosity=0)
    _open_books()
    ledger_client.ready(LARGE_BOOK)
    with connection.cursor() as cursor:
        for number in range(STORED // 1_000):
            ledger_client.post_batch(1_000, hot=False)
            if number == 0:
                cursor.execute("ANALYZE")  # what was planned for empty tables reads all of them
        cursor.execute("CREATE SCHEMA bare")
        for table in ledger_client.COPIED:
            cursor.execute(f"CREATE TABLE bare.{table} (LIKE {table} INCLUDING INDEXES INCLUDING STORAGE)")
            cursor.execute(f"INSERT INTO bare.{table} SELECT * FROM {table}")  # noqa: S608
        cursor.execute(_BAREST.read_text())
        cursor.execute(f"GRANT USAGE ON SCHEMA bare, barest TO {APPLICATION}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bare, barest TO {APPLICATION}")
        cursor.execute("VACUUM ANALYZE")


def _open_books() -> None:
    from ledger import chart
    from ledger.models import Account, Book

    asset = chart.asset("BTC", "bitcoin", 8)
    sizes = {LARGE_BOOK: ACCOUNTS, **{f"Book {number}": ACCOUNTS_OF_A_BOOK for number in range(BOOKS)}}
    for name, size in sizes.items():
        book = Book.objects.create(name=name)
        codes = [f"customers:{number}" for number in range(size)]
        kind = Account.Kind.LIABILITY
        accounts = [Account(book=book, code=code, name=code, asset=asset, kind=kind) for code in codes]
        Account.objects.bulk_create(accounts)


if __name__ == "__main__":
    _fill()
