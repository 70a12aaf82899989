"""What `migrate` puts right, and what it says of a login that could step around the wall."""

from typing import Any

import pytest
from django.apps import apps
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ledger import checks, roles
from ledger.appendonly import AppendOnly
from tests.database import as_owner, as_web, past_triggers

pytestmark = pytest.mark.django_db


def _ask(question: str, *values: object) -> list[Any]:
    with connection.cursor() as sql:
        sql.execute(question, values)
        return [row[0] if len(row) == 1 else row for row in sql.fetchall()]


def _do(statement: str) -> None:
    with connection.cursor() as sql:
        sql.execute(statement)


def _granted(table: str) -> set[str]:
    question = "SELECT privilege_type FROM information_schema.role_table_grants WHERE grantee = %s AND table_name = %s"
    return set(_ask(question, roles.APPLICATION, table))


def test_the_record_can_be_read_and_added_to_and_nothing_else() -> None:
    permanent = {model._meta.db_table for model in apps.get_models() if issubclass(model, AppendOnly)}
    of_the_verbs = {"ledger_journalentry", "ledger_posting", "ledger_balance", "ledger_accountday"}
    assert {"ledger_journalentry", "ledger_posting", "ledger_rate", "keys_address"} <= permanent
    with as_owner():
        for table in permanent - of_the_verbs:
            assert _granted(table) == {"SELECT", "INSERT"}, table
        for table in of_the_verbs:
            assert _granted(table) == {"SELECT"}, table
        assert _granted("ledger_account") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
        assert _granted("django_migrations") == {"SELECT"}


def test_logins_own_nothing_and_hold_nothing_of_their_own(settings: Settings) -> None:
    logins = [settings.LOGINS[name]["USER"] for name in ("worker", "web")]
    rights = """
        SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
        FROM pg_roles WHERE rolname = ANY (%s)
    """
    assert _ask(rights, logins) == [False, False]
    assert _ask("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", roles.APPLICATION) == [False]
    owned = "SELECT relname FROM pg_class WHERE relowner = ANY (%s::regrole[])"
    assert _ask(owned, [*logins, roles.APPLICATION]) == []
    acl = "SELECT relname FROM pg_class, aclexplode(relacl) x WHERE x.grantee = ANY (%s::regrole[])"
    assert _ask(acl, logins) == []


def test_doors_are_few_narrow_and_shut_to_others() -> None:
    """Functions that look past the wall: what they find by is a secret or a fingerprint, or they ask whose book it is.

    Their path is pinned.
    """
    doors = _ask(
        "SELECT proname, proconfig[1] FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND prorettype <> 'trigger'::regtype"
    )
    known = (
        "keys_held_by_another", "ledger_lock_balances", "ledger_transfer", "ledger_write_batch",
        "merchants_key_of_hash", "merchants_why_key_ended", "payments_book_of_invoice",
    )  # fmt: skip
    assert sorted(doors) == [(name, "search_path=public, pg_temp") for name in known]
    for name in known:
        assert _ask("SELECT has_function_privilege(%s, %s::regproc, 'EXECUTE')", roles.APPLICATION, name) == [True]
        everyone = "SELECT count(*) FROM pg_proc, aclexplode(proacl) x WHERE proname = %s AND x.grantee = 0"
        assert _ask(everyone, name) == [0]


def test_done_again_it_only_looks() -> None:
    with as_owner(), CaptureQueriesContext(connection) as asked:
        roles.apply()
    assert {query["sql"].split()[0] for query in asked} == {"SELECT"}


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE ledger_account DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE ledger_account NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY books ON ledger_account",
        "DROP POLICY platform ON ledger_rate",
        "COMMENT ON POLICY books ON ledger_account IS 'of an older version'",
        "GRANT UPDATE, DELETE, TRUNCATE ON ledger_posting TO cryptopay_app",
        "REVOKE SELECT ON ledger_posting FROM cryptopay_app",
        "REVOKE USAGE ON SEQUENCE ledger_posting_id_seq FROM cryptopay_app",
    ],
)
def test_what_was_damaged_is_put_right(damage: str) -> None:
    with as_owner():
        before = _walls()
        _do(damage)
        assert _walls() != before
        roles.apply()
        assert _walls() == before


def _walls() -> list[Any]:
    return [
        _ask("SELECT relname, relrowsecurity, relforcerowsecurity, ARRAY(SELECT unnest(relacl)::text ORDER BY 1)"
             " FROM pg_class WHERE relname ~ '^ledger'"
             " ORDER BY relname"),
        _ask("SELECT polrelid::regclass::text, polname, obj_description(oid), pg_get_expr(polqual, polrelid)"
             " FROM pg_policy ORDER BY 1, 2"),
    ]  # fmt: skip


def test_a_new_table_is_behind_the_wall_before_anybody_uses_it() -> None:
    with as_owner():
        _do("CREATE TABLE ledger_novelty (id bigint, book_id bigint NOT NULL)")
        _do("INSERT INTO ledger_novelty VALUES (1, 7), (2, 8)")
        roles.apply()
        _do(f"GRANT SELECT ON ledger_novelty TO {roles.APPLICATION}")
    with as_web():
        assert _ask("SELECT id FROM ledger_novelty") == []
        _do("SET LOCAL app.book = '8'")
        assert _ask("SELECT id FROM ledger_novelty") == [2]


@pytest.fixture
def newcomers(settings: Settings) -> None:
    settings.LOGINS = {
        "worker": {"USER": "new worker", "PASSWORD": "it's a secret"},
        "web": {"USER": "new_web", "PASSWORD": ""},
    }


@pytest.mark.usefixtures("newcomers")
def test_missing_logins_are_made_once() -> None:
    with as_owner():
        for _ in range(2):
            roles.make_logins(apps.get_app_config("ledger"), "default")
        member = "SELECT pg_has_role(%s, %s, 'USAGE')"
        assert _ask(member, "new worker", roles.APPLICATION) == _ask(member, "new_web", roles.APPLICATION) == [True]
        (password,) = _ask("SELECT rolpassword FROM pg_authid WHERE rolname = 'new worker'")
        assert password.startswith("SCRAM-SHA-256$")
        settings_of = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = %s::regrole"
        assert _ask(settings_of, '"new worker"') == [["app.book=all"]]
        assert _ask(settings_of, "new_web") == []


@pytest.mark.usefixtures("newcomers")
def test_who_may_not_make_logins_is_told_what_to_do() -> None:
    with pytest.raises(CommandError, match=r"permission denied[\s\S]*docs/operator.md"):
        roles.make_logins(apps.get_app_config("ledger"), "default")


def _codes(settings: Settings, login: str) -> list[str]:
    settings.LOGIN = login
    return [str(found.id) for found in checks.check_login(databases=["default"])]


def test_the_check_lets_the_right_logins_pass(settings: Settings) -> None:
    assert _codes(settings, "worker") == []
    with as_web():
        assert _codes(settings, "web") == []
    with as_owner():
        assert _codes(settings, "owner") == []


def test_the_check_names_a_login_that_steps_around_the_wall(settings: Settings) -> None:
    assert _codes(settings, "web") == ["ledger.E004"], "the worker's login would show the web every book"
    with as_web():
        assert _codes(settings, "worker") == ["ledger.E004"], "the web's login would show the worker nothing"
    with as_owner():
        assert _codes(settings, "worker") == ["ledger.E001"]
        _do(f"ALTER TABLE ledger_asset OWNER TO {settings.LOGINS['worker']['USER']}")
    assert _codes(settings, "worker") == ["ledger.E002"]


def test_nothing_is_asked_where_no_database_is_named() -> None:
    assert checks.check_login() == []


HOT: list[tuple[str, str, str]] = [
    ("an entry told again", "SELECT id FROM ledger_journalentry WHERE book_id = 7 AND idem = 'x'", "idem"),
    ("an account's statement", "SELECT 1 FROM ledger_posting WHERE book_id = 7 AND account_id = 1 AND account_seq > 9",
     "account_seq"),
    ("balances", "SELECT 1 FROM ledger_balance WHERE book_id = 7 AND account_id = ANY ('{1,2}')", "account_id"),
    ("a row by its key", "SELECT 1 FROM payments_invoice WHERE id = 1", "id"),
    ("an invoice by its link", "SELECT 1 FROM payments_invoice WHERE public_id = 'inv'", "public_id"),
    ("a page of invoices", "SELECT 1 FROM payments_invoice WHERE book_id = 7 AND id < 9 ORDER BY id DESC", "id <"),
    ("invoices in a state", "SELECT 1 FROM payments_invoice WHERE book_id = 7 AND status = 'invalid' AND id < 9"
     " ORDER BY id DESC", "status"),
    ("a key on a chain", "SELECT 1 FROM keys_masterkey WHERE book_id = 7 AND chain = 'x' AND active", "chain"),
    ("who watches", "SELECT 1 FROM monitor_watchedaddress WHERE chain_code = 'x' AND destination = ANY ('{a,b}')",
     "destination"),
    ("the next in sequence", "SELECT max(sequence) FROM webhooks_event WHERE book_id = 7 AND subject = 'x'", "subject"),
    ("catching up", "SELECT 1 FROM webhooks_event WHERE book_id = 7 AND (node, xid, id) > (0, '9'::xid8, 9)"
     " ORDER BY node, xid, id", "xid"),
    ("a platform's price", "SELECT 1 FROM ledger_rate WHERE book_id IS NULL AND NOT origin = 'manual'"
     " AND asset_code = 'x' AND currency = 'y' AND (observed_at, id) < (now(), 1)", "observed_at"),
    ("a book's own price", "SELECT 1 FROM ledger_rate WHERE book_id = 7 AND book_id IS NOT NULL"
     " AND NOT origin = 'manual' AND asset_code = 'x' AND currency = 'y' AND (observed_at, id) < (now(), 1)",
     "observed_at"),
]  # fmt: skip


_A_THOUSAND = {
    "ledger_posting": """
        INSERT INTO ledger_posting (
            book_id, entry_id, leg, account_id, account_seq, asset_id, layer, debit, credit, balance_after, effective_at
        )
        SELECT 7, n, 1, n % 50, n, 1, 0, 1, 0, n, now() FROM generate_series(1, 1000) n
    """,
    "ledger_journalentry": """
        INSERT INTO ledger_journalentry
            (book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source, description, meta, node, xid)
        SELECT 7, n, '', 1, 2, now(), now(), '', '', '{}', 0, '1' FROM generate_series(1, 1000) n
    """,
    "webhooks_event": """
        INSERT INTO webhooks_event (book_id, public_id, type, subject, sequence, payload, created_at)
        SELECT 7, n, '', n, 1, '{}', now() FROM generate_series(1, 1000) n
    """,
}
"""Where an empty table would be read by any index, most of all once it was analysed empty."""


@pytest.mark.parametrize(("what", "question", "column"), HOT, ids=[what for what, *_ in HOT])
def test_indexes_serve_behind_the_wall(what: str, question: str, column: str) -> None:
    """A policy's condition comes first; only operators that leak nothing may be asked of an index before it."""
    with past_triggers():
        for table, rows in _A_THOUSAND.items():
            _do(rows)
            _do(f"ANALYZE {table}")
    with as_web():
        _do("SET LOCAL enable_seqscan = off")
        plan = _ask(f"EXPLAIN {question}")
    assert any(column in line for line in plan if "Index Cond" in line), plan
    assert len([line for line in plan if "InitPlan" in line.split("(")[0]]) >= 2, "the setting is read once a statement"
