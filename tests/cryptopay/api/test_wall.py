"""With the first wall pulled down, each query's own filter by book, the second one holds; and what a request leaves."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from rest_framework.response import Response

from cryptopay.api import invoices, resource
from cryptopay.api.invoices import Invoices
from cryptopay.merchants.models import ApiKey
from cryptopay.payments.models import Invoice
from keys.models import Address
from ledger.models import Book
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_outsiders import DOORS, OPEN_TO_ALL, Door, ids
from tests.database import past_triggers

__all__ = ["ids"]

BY_ID = [door for door in DOORS if door.parameters and door.name not in OPEN_TO_ALL]
_OF_NOBODY = "UPDATE payments_invoice SET customer_id = 0 WHERE book_id = %s"
"""Refused when it is committed."""


def _everything(*_: Any) -> Response:
    found = {"invoices": Invoice, "addresses": Address, "keys": ApiKey, "books": Book}
    return Response({name: model._default_manager.count() for name, model in found.items()})  # type: ignore[attr-defined]


def test_threat_39_a_view_that_filters_nothing_shows_the_keys_book_alone(
    alice: Caller, charlie: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        alice.post("/invoices", order)
    charlie.post("/invoices", order)
    monkeypatch.setattr(Invoices, "get", _everything)
    assert alice.get("/invoices").json() == {"invoices": 3, "addresses": 3, "keys": 1, "books": 1}
    assert charlie.get("/invoices").json() == {"invoices": 1, "addresses": 1, "keys": 1, "books": 1}
    assert Caller(alice.merchant, live=True).get("/invoices").json()["invoices"] == 0


@pytest.mark.parametrize("door", BY_ID, ids=lambda door: door.name)
def test_threat_39_by_id_alone_anothers_object_is_not_found(
    door: Door, charlie: Caller, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_in_any_book(self: resource.Resource, rows: Any, public_id: str) -> Any:
        found = rows.filter(public_id=public_id).first()
        if found is None:
            raise resource.NotFound
        return found

    monkeypatch.setattr(resource.Resource, "find", find_in_any_book)
    for method in door.methods:
        answer = charlie.send(method, door.path(ids), {}, headers={"idempotency-key": method})
        assert (answer.status_code, code(answer)) == (404, "not_found"), method


def test_threat_39_a_payer_sees_the_book_of_the_invoice_alone(
    alice: Caller, charlie: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = alice.post("/invoices", order).json()
    charlie.post("/invoices", order)
    monkeypatch.setattr(invoices, "_public_json", lambda _: _everything().data)
    shown = alice.get(f"/invoices/{made['id']}/public").json()
    assert shown == {"invoices": 1, "addresses": 1, "keys": 1, "books": 1}


def test_a_refused_request_has_used_its_key(alice: Caller, order: dict[str, Any]) -> None:
    assert code(alice.post("/invoices", {**order, "amount": "0"})) == "amount_not_positive"
    alice.key.refresh_from_db()
    assert alice.key.last_used_at is not None


def test_one_more_statement_than_the_work_names_the_book(alice: Caller, order: dict[str, Any]) -> None:
    connection.force_debug_cursor = True
    try:
        alice.post("/invoices", order)  # notes the key's use, which it does once a minute
        connection.queries_log.clear()
        alice.post("/invoices", order)
        asked = [query["sql"] for query in connection.queries]
    finally:
        connection.force_debug_cursor = False
    assert [sql for sql in asked if "app.book" in sql] == [f"SET LOCAL app.book = '{alice.book.pk}'"]
    assert len([sql for sql in asked if sql.startswith("SAVEPOINT")]) == 1, "the request's own, inside the test's"


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_is_refused_is_a_fault_told_as_one(
    alice: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_nobodys_invoice(*_: Any) -> dict[str, Any]:
        with connection.cursor() as sql:
            sql.execute(_OF_NOBODY, [alice.book.pk])
        return {}

    monkeypatch.setattr(invoices, "invoice_json", write_nobodys_invoice)
    answer = alice.post("/invoices", order)
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert not Invoice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_to_connect_to_is_told_as_such(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("connection refused, host=10.0.0.1")

    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseWrapper, "get_new_connection", away)
        answer = alice.get("/me")
    assert (answer.status_code, code(answer)) == (503, "temporarily_unavailable")
    assert b"10.0.0.1" not in answer.content


@pytest.mark.django_db(transaction=True)
def test_an_alarm_is_stored_from_behind_the_wall(alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", order).json()
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = 'bcrt1qthief'")
    assert alice.get(f"/invoices/{made['id']}").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT book_id FROM keys_addressalarm")
        assert cursor.fetchall() == [(alice.book.pk,)]
