"""Test mode without a node: who may ask, what is refused before one is asked, and how much."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from cryptopay.devnet import places
from cryptopay.testmode.acting import MOST_BLOCKS_A_MINUTE
from cryptopay.testmode.models import Act
from tests.cryptopay.api.conftest import Caller, code

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def invoice(alice: Caller, order: dict[str, Any]) -> str:
    return str(alice.post("/invoices", order).json()["id"])  # type: ignore[attr-defined]


@pytest.fixture
def faucet_on(settings: Settings) -> None:
    settings.FAUCET_URLS = {"bitcoin-regtest": NOWHERE}


def test_a_live_key_commands_nothing(alice: Caller, order: dict[str, Any], settings: Settings) -> None:
    """Neither on a chain of real money nor on any other, whatever the operator has named."""
    settings.NODE_URLS = {"bitcoin": NOWHERE, "bitcoin-regtest": NOWHERE}
    settings.FAUCET_URLS = {"bitcoin": NOWHERE, "bitcoin-regtest": NOWHERE}
    live = Caller(alice.merchant, live=True)
    opened = live.post("/invoices", {"amount": "1", "currency": "EUR"}).json()["id"]  # type: ignore[attr-defined]
    for path, body in (
        ("blocks", {"chain": "bitcoin"}),
        ("blocks", {"chain": "bitcoin-regtest"}),
        ("reorg", {"chain": "bitcoin", "depth": 1}),
        (f"invoices/{opened}/pay", {}),
        (f"invoices/{opened}/double-spend", {}),
    ):
        answer = live.post(f"/test/{path}", body)
        assert (answer.status_code, code(answer)) == (403, "test_key_needed"), path
    assert code(alice.post("/test/blocks", {"chain": "bitcoin"})) == "chain_unknown"


def test_off_until_the_operator_says_otherwise(alice: Caller, invoice: str) -> None:
    for path, body in (("blocks", {"chain": "bitcoin-regtest"}), (f"invoices/{invoice}/pay", {})):
        answer = alice.post(f"/test/{path}", body)
        assert (answer.status_code, code(answer)) == (422, "test_mode_off")


@pytest.mark.usefixtures("faucet_on")
@pytest.mark.parametrize(
    ("body", "status", "said", "pointer"),
    [
        ({"amount": "0"}, 400, "test_amount_invalid", "/amount"),
        ({"amount": "-1"}, 400, "amount_malformed", "/amount"),
        ({"amount": "0.000000001"}, 400, "amount_too_precise", "/amount"),
        ({"amount": 1}, 400, "amount_malformed", "/amount"),
        ({"amount": "1", "share": "1"}, 400, "test_amount_invalid", "/share"),
        ({"share": "0"}, 400, "test_amount_invalid", "/share"),
        ({"share": "0.000000001"}, 400, "test_amount_invalid", "/share"),
        ({"share": "101"}, 400, "test_amount_invalid", "/share"),
        ({"share": "1e2"}, 400, "test_amount_invalid", "/share"),
        ({"share": "1", "fee_rate": "0"}, 400, "test_amount_invalid", "/fee_rate"),
        ({"fee_rate": "NaN"}, 400, "test_amount_invalid", "/fee_rate"),
        ({"fee_rate": "1001"}, 400, "test_amount_invalid", "/fee_rate"),
        ({"blocks": 61}, 400, "max_value", "/blocks"),
        ({"method": "DOGE"}, 422, "payment_method_unavailable", "/method"),
        ({}, 503, "faucet_unavailable", ""),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    alice: Caller, invoice: str, body: dict[str, Any], status: int, said: str, pointer: str
) -> None:
    answer = alice.post(f"/test/invoices/{invoice}/pay", body)
    assert (answer.status_code, code(answer)) == (status, said)
    assert answer.json()["errors"][0]["pointer"] == pointer  # type: ignore[attr-defined]
    assert not Act.objects.exists()


@pytest.mark.usefixtures("faucet_on")
def test_a_coin_is_named_where_there_are_several_or_none(alice: Caller, order: dict[str, Any]) -> None:
    for methods in ([], ["BTC", "LTC"]):
        opened = alice.post("/invoices", {**order, "methods": methods}).json()["id"]  # type: ignore[attr-defined]
        answer = alice.post(f"/test/invoices/{opened}/pay", {})
        assert (answer.status_code, code(answer)) == (422, "test_method_missing")


@pytest.mark.usefixtures("faucet_on")
def test_there_is_nothing_to_double_spend_before_test_mode_paid(alice: Caller, invoice: str) -> None:
    for body in ({}, {"txid": "ab" * 32}):
        answer = alice.post(f"/test/invoices/{invoice}/double-spend", body)
        assert (answer.status_code, code(answer)) == (409, "nothing_to_double_spend")


@pytest.mark.usefixtures("faucet_on")
def test_mining_is_bounded_by_book_and_minute(alice: Caller, charlie: Caller) -> None:
    made = {"api_key": alice.key, "kind": Act.Kind.MINE, "chain_code": "bitcoin-regtest"}
    Act.objects.create(book=alice.book, blocks=MOST_BLOCKS_A_MINUTE - 5, **made)
    for path, body in (("blocks", {"blocks": 6}), ("reorg", {"depth": 5})):
        answer = alice.post(f"/test/{path}", {"chain": "bitcoin-regtest", **body})
        assert (answer.status_code, code(answer)) == (429, "mining_limited"), path
    for caller, blocks in ((alice, 5), (charlie, 6)):  # the limit lets them through, and nobody answers there
        answer = caller.post("/test/blocks", {"chain": "bitcoin-regtest", "blocks": blocks})
        assert code(answer) == "faucet_unavailable"


@pytest.mark.usefixtures("faucet_on")
@pytest.mark.django_db(transaction=True)
def test_one_at_a_time_commands_a_chain(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptopay.testmode.acting._PATIENCE", "50ms")
    other = connection.copy()
    try:
        with other.cursor() as sql:
            sql.execute("SELECT pg_advisory_lock(hashtext('testmode.faucet'), hashtext('bitcoin-regtest'))")
        answer = alice.post("/test/blocks", {"chain": "bitcoin-regtest"})
        assert (answer.status_code, code(answer)) == (409, "faucet_busy")
    finally:
        other.close()
    assert code(alice.post("/test/blocks", {"chain": "bitcoin-regtest"})) == "faucet_unavailable"


def test_a_chain_of_real_money_with_a_faucet_refuses_to_boot() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import cryptopay.settings"],
        env={**os.environ, "BITCOIN_FAUCET_URL": NOWHERE},
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "BITCOIN_FAUCET_URL: a chain of real money has no faucet" in done.stderr
