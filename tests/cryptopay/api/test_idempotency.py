"""A POST happens once, however often and however parallel it is sent."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.utils import timezone

from cryptopay.api import idempotency
from cryptopay.api.models import IdempotencyKey
from cryptopay.api.tasks import purge_idempotency_keys
from cryptopay.merchants.models import ApiKey
from cryptopay.payments.models import Invoice
from keys.models import Address
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_invoices import rows
from tests.cryptopay.api.test_outsiders import DOORS
from tests.killing import killed_at


def test_every_post_is_idempotent() -> None:
    posts = {door.name: door.view.post for door in DOORS if "POST" in door.methods}  # type: ignore[attr-defined]
    assert len(posts) >= 20
    assert [name for name, post in posts.items() if not getattr(post, "idempotent", False)] == []


def test_missing_and_malformed_keys(alice: Caller, order: dict[str, Any]) -> None:
    before = rows()
    missing = alice.send("POST", "/invoices", order)
    assert (missing.status_code, code(missing)) == (400, "idempotency_key_missing")
    for bad in ("x" * 256, "é", "a\tb"):
        assert code(alice.post("/invoices", order, key=bad)) == "idempotency_key_invalid"
    assert rows() == before


def test_replayed_byte_for_byte(alice: Caller, order: dict[str, Any]) -> None:
    first = alice.post("/invoices", order, key="k")
    again = alice.post("/invoices", dict(reversed(order.items())), key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert Invoice.objects.count() == Address.objects.count() == 1


def test_another_request_with_the_same_key(alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", order, key="k").json()
    before = rows()
    for path, body in (
        ("/invoices", {**order, "amount": "25.01"}),
        (f"/invoices/{made['id']}/payment-methods", {"method": "BTC"}),
    ):
        reused = alice.post(path, body, key="k")
        assert (reused.status_code, code(reused)) == (422, "idempotency_key_reused")
    assert rows() == before


def test_a_refusal_is_not_kept(alice: Caller, order: dict[str, Any]) -> None:
    assert code(alice.post("/invoices", {**order, "amount": "0"}, key="k")) == "amount_not_positive"
    assert not IdempotencyKey.objects.exists()
    assert alice.post("/invoices", order, key="k").status_code == 201


def test_the_same_key_of_another_tenant_is_another_key(alice: Caller, charlie: Caller, order: dict[str, Any]) -> None:
    hers = alice.post("/invoices", order, key="k").json()
    his = charlie.post("/invoices", order, key="k")
    assert his.status_code == 201
    assert his.json()["id"] != hers["id"]
    second = Caller(alice.merchant).post("/invoices", order, key="k")
    assert second.json()["id"] not in (hers["id"], his.json()["id"])


def test_kept_answers_are_sealed(alice: Caller) -> None:
    made = alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}, key="k").json()
    sealed = bytes(IdempotencyKey.objects.get().sealed_answer)
    assert made["secret"].encode() not in sealed
    assert b"shop.example" not in sealed
    assert alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}, key="k").json() == made


def test_purged_after_a_day(alice: Caller, order: dict[str, Any]) -> None:
    alice.post("/invoices", order, key="old")
    alice.post("/invoices", order, key="new")
    IdempotencyKey.objects.filter(key="old").update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert purge_idempotency_keys() == 1
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


@pytest.mark.django_db(transaction=True)
def test_threat_28_fifty_at_once_are_one(alice: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_MILLISECONDS", 120_000)  # however busy this machine is
    gate = threading.Barrier(50)

    def ask(_: int) -> tuple[int, bytes, str | None]:
        try:
            gate.wait(120)
            answer = alice.post("/invoices", order, key="k")
            return answer.status_code, answer.content, answer.headers.get("Idempotent-Replayed")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {(status, body) for status, body, _ in answers} == {(201, answers[0][1])}
    assert sorted(str(replayed) for *_, replayed in answers) == ["None"] + ["true"] * 49
    assert Invoice.objects.count() == Address.objects.count() == 1
    assert code(alice.post("/invoices", {**order, "amount": "26"}, key="k")) == "idempotency_key_reused"


@pytest.mark.django_db(transaction=True)
def test_threat_28_killed_between_any_two_statements(alice: Caller, order: dict[str, Any]) -> None:
    """However far the web process came with a request: sent again, it makes the invoice or shows it, and never two."""

    def ask() -> HttpResponse:
        return alice.post("/invoices", order, key=f"k{statement}")

    replayed, statement = [], 1
    while killed_at(statement, ask):
        again, once_more = ask(), ask()
        replayed.append("Idempotent-Replayed" in again)
        assert (again.status_code, once_more.content) == (201, again.content)
        assert Invoice.objects.count() == Address.objects.count() == IdempotencyKey.objects.count() == statement
        ApiKey.objects.update(last_used_at=None)  # noting its use comes after the commit
        statement += 1
    connection.close()
    assert Invoice.objects.count() == statement
    assert replayed == sorted(replayed), "the commit is one moment"
    assert replayed.count(False) > 15
    assert replayed.count(True) > 0


@pytest.mark.django_db(transaction=True)
def test_threat_28_still_in_progress(alice: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_MILLISECONDS", 200)
    with transaction.atomic():
        IdempotencyKey.objects.create(api_key=alice.key, key="k", request_hash=b"another one's, not committed")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(_from_another_connection, alice, order).result()
        assert (answer.status_code, code(answer)) == (409, "idempotency_in_progress")
        transaction.set_rollback(True)
    assert alice.post("/invoices", order, key="k").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_threat_28_the_second_does_the_work_when_the_first_rolls_back(alice: Caller, order: dict[str, Any]) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            IdempotencyKey.objects.create(api_key=alice.key, key="k", request_hash=b"will be undone")
            waiting = pool.submit(_from_another_connection, alice, order)
            _until_somebody_waits()
            transaction.set_rollback(True)
        assert waiting.result().status_code == 201
    assert Invoice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_threat_28_parallel_keys_do_not_share_an_address(alice: Caller, order: dict[str, Any]) -> None:
    def ask(_: int) -> str:
        try:
            return str(alice.post("/invoices", order, key=uuid.uuid4().hex).json()["methods"][0]["address"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(24)))) == 24


def _from_another_connection(caller: Caller, order: dict[str, Any]) -> Any:
    try:
        return caller.post("/invoices", order, key="k")
    finally:
        connections.close_all()


def _until_somebody_waits() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail("the second request does not wait for the first")
