"""Every change of what people set: kept by the database, never edited, told in words, each merchant their own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Membership, User
from cryptopay.payments.models import Terms
from cryptopay.webhooks.models import Endpoint
from keys.models import MasterKey
from ledger import tenancy, tracking
from ledger.models import Book
from monitor.models import ConfirmationTier
from monitor.tokens import Token
from tests.database import as_web

from .conftest import Shop

SignIn = Callable[[User], Client]
PAGE = "admin:changes"


def kept(model: type[Model], pk: object) -> list[Any]:
    changes: Any = tracking.tables()[model]
    return list(changes.objects.filter(pgh_obj_id=pk).order_by("pgh_id"))


def test_what_people_set_is_tracked_and_what_the_program_writes_is_not() -> None:
    tracked = set(tracking.tables())
    assert {Membership, ApiKey, Endpoint, MasterKey, Book, Terms, ConfirmationTier, Token, User} <= tracked
    of_the_intake = {"payments.invoice", "payments.payment", "monitor.deposit", "monitor.cursor", "ledger.balance"}
    assert not of_the_intake & {model._meta.label_lower for model in tracked}


def test_a_change_by_plain_sql_is_kept_as_well(shops: dict[str, Shop]) -> None:
    key = ApiKey.objects.get(merchant=shops["Bob"].merchant)
    with connection.cursor() as sql:
        sql.execute("UPDATE merchants_apikey SET label = 'mine' WHERE id = %s", [key.pk])
    made, changed = kept(ApiKey, key.pk)
    assert (made.pgh_label, made.label, changed.pgh_label, changed.label) == ("insert", "Bob's key", "update", "mine")
    assert changed.pgh_context is None, "nobody said who asked"


def test_a_secret_is_never_kept_but_that_it_changed_is(shops: dict[str, Shop]) -> None:
    names = {field.name for model in tracking.tables().values() for field in model._meta.concrete_fields}
    assert not {"password", "secret_hash", "sealed_secret", "sealed_former_secret", "sealed_key"} & names
    user = shops["Bob"].members["viewer"]
    user.set_password("another horse battery")
    user.save()
    assert [change.pgh_label for change in kept(User, user.pk)] == ["insert", "password changed"]


def test_the_use_of_a_key_is_no_change_of_it(shops: dict[str, Shop]) -> None:
    key = ApiKey.objects.get(merchant=shops["Bob"].merchant)
    api_keys.note_use(key)
    assert len(kept(ApiKey, key.pk)) == 1


def test_the_record_is_neither_edited_nor_deleted(shops: dict[str, Shop]) -> None:
    """By grants, with triggers or without; the web and the worker alike."""
    for model in tracking.tables().values():
        table = connection.ops.quote_name(model._meta.db_table)
        for statement in (f"UPDATE {table} SET pgh_label = ''", f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement)
            with as_web(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement)


def test_threat_39_the_database_shows_a_request_its_own_books_changes(shops: dict[str, Shop]) -> None:
    with as_web(), tenancy.book(shops["Bob"].book.pk):
        for model in (ApiKey, Endpoint, MasterKey):
            changes: Any = tracking.tables()[model]
            assert set(changes.objects.values_list("book_id", flat=True)) == {shops["Bob"].book.pk}


def test_the_page_says_who_changed_what(shops: dict[str, Shop], signed_in: SignIn) -> None:
    administrator = shops["Bob"].members["administrator"]
    client = signed_in(administrator)
    key = ApiKey.objects.get(merchant=shops["Bob"].merchant)
    client.post(reverse("admin:merchants_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]})
    page = client.get(reverse(PAGE)).content.decode()
    for words in ("Bob-administrator", f"<em>{escape(str(key))}</em> changed", "<dt>Revoked at</dt>", "request "):
        assert words in page, words
    assert "API key" in client.get(reverse(PAGE), {"who": "bob-admin"}).content.decode()
    assert "Nothing was changed" in client.get(reverse(PAGE), {"who": "nobody"}).content.decode()
    assert "Nothing was changed" in client.get(reverse(PAGE), {"until": "2020-01-01T00:00:00+00:00"}).content.decode()


def test_threat_39_each_member_sees_the_changes_of_their_own_merchant(
    shops: dict[str, Shop], signed_in: SignIn
) -> None:
    for role, member in shops["Bob"].members.items():
        answer = signed_in(member).get(reverse(PAGE))
        offered = "<option>API key</option>" in answer.content.decode()
        assert offered is (role in {"owner", "administrator", "auditor"}), role
        assert "Alice" not in answer.content.decode(), role
    page = signed_in(shops["Bob"].members["auditor"]).get(reverse(PAGE)).content.decode()
    assert "Bob-cashier is cashier" in page


def test_a_removed_member_stays_on_record(shops: dict[str, Shop], signed_in: SignIn) -> None:
    Membership.objects.get(user=shops["Bob"].members["cashier"]).delete()
    page = signed_in(shops["Bob"].members["auditor"]).get(reverse(PAGE), {"kind": "Membership"}).content.decode()
    assert "<em>Bob-cashier is cashier at Bob&#x27;s shop</em> removed" in page


def test_the_page_asks_no_more_for_more_changes(shops: dict[str, Shop], signed_in: SignIn) -> None:
    client, merchant = signed_in(shops["Bob"].members["auditor"]), shops["Bob"].merchant
    client.get(reverse(PAGE))

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse(PAGE)).status_code == 200
        return len(asked)

    few = questions()
    for number in range(60):
        api_keys.create(merchant, f"key {number}", live=False, scopes=["invoices:read"])
    assert questions() <= few + 2
    assert "Older" in client.get(reverse(PAGE)).content.decode()
