"""The operator's SQL on a server of its own: an owner who is no superuser migrates, and each login may do its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from cryptopay.devnet import logins, places, postgres

PAGE = places.CHECKOUT / "docs" / "operator.md"
_STORY = """
INSERT INTO ledger_book (name, currency, is_test, second_person_above) VALUES ('Alice', 'EUR', true, 1),
    ('Bob', 'EUR', true, 1), ('Alice, live', 'EUR', false, 1), ('Bob, live', 'EUR', false, 1);
INSERT INTO merchants_merchant (name, live_book_id, test_book_id, payment_page_language, contact, shop_origins)
    VALUES ('Alice', 3, 1, '', '', ''), ('Bob', 4, 2, '', '', '');
INSERT INTO merchants_apikey (merchant_id, book_id, public_id, label, hint, secret_hash, scopes, live)
    VALUES (1, 1, 'ak_a', '', '', 'a', '[]', false), (2, 2, 'ak_b', '', '', 'b', '[]', false)
"""


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """A server as the page says, its database migrated by the owner."""
    folder = places.temporary_folder("test")
    folder.chmod(0o711)
    server = postgres.start(folder / "data", folder / "log", durable=False)
    try:
        host = str(server.socket_folder)
        with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as superuser:
            superuser.execute("DROP DATABASE cryptopay")
            for statement in _of_the_page():
                superuser.execute(statement)
        owner = server.url.replace("postgres:@", "cryptopay_owner:@")
        urls = {"DATABASE_URL": owner, **logins.beside(owner)}
        _manage(urls, "migrate", "--no-input", login="owner")
        yield urls
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _of_the_page() -> list[bytes]:
    (block,) = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [statement.encode() for statement in block.split(";\n") if statement.strip()]


def _manage(urls: dict[str, str], *order: str, login: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *order],
        cwd=places.CHECKOUT,
        env={**os.environ, **urls, "CRYPTOPAY_LOGIN": login},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _connect(urls: dict[str, str], login: str) -> psycopg.Connection:
    return psycopg.connect(urls[f"{login}_DATABASE_URL" if login else "DATABASE_URL"])


@pytest.mark.parametrize("login", ["web", "worker"])
def test_the_check_is_content_with_each_login(urls: dict[str, str], login: str) -> None:
    assert "no issues" in _manage(urls, "check", "--database", "default", login=login)


def test_migrating_again_changes_nothing(urls: dict[str, str]) -> None:
    assert "No migrations to apply" in _manage(urls, "migrate", login="owner")


def test_threat_39_each_login_sees_what_it_is_for(urls: dict[str, str]) -> None:
    with _connect(urls, "WORKER") as worker:
        for statement in _STORY.split(";\n"):
            worker.execute(statement.encode())
        worker.commit()
        assert _count(worker) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("DELETE FROM ledger_posting")
    with _connect(urls, "WEB") as web:
        assert _count(web) == 0
        web.execute("SET LOCAL app.book = '1'")
        assert _count(web) == 1
        web.commit()
        assert _count(web) == 0, "it ended with the transaction"
        for secret_hash, found in ((b"b", 1), (b"c", 0)):
            question = "SELECT count(*) FROM merchants_key_of_hash(%s)"
            assert web.execute(question, [secret_hash]).fetchone() == (found,)
    with _connect(urls, "") as owner:
        assert owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        owner.execute(
            "INSERT INTO merchants_customer (book_id, public_id, external_ref, name, email, metadata)"
            " VALUES (1, 'cus_c', 'c', '', '', '{}')"
        )
        owner.execute("SET LOCAL app.book = ''")
        assert owner.execute("SELECT count(*) FROM merchants_customer").fetchone() == (0,), (
            "its owner is held to it, too"
        )


def _count(connection: psycopg.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM merchants_apikey").fetchone() or (0,)
    return int(count)


def test_the_owner_backs_up_every_book(urls: dict[str, str]) -> None:
    dump = postgres._programs(postgres._unprivileged_user()) / "pg_dump"
    written = subprocess.run(
        [
            dump,
            "--enable-row-security",
            "--table",
            "merchants_merchant",
            "--table",
            "ledger_book",
            urls["DATABASE_URL"],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    assert "Alice, live" in written.stdout
    assert "Bob, live" in written.stdout
