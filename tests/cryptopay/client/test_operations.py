"""Every operation of the description is a method; what it gives back has its types, and amounts are exact."""

import asyncio
import dataclasses
import inspect
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cryptopay.client import AsyncClient, Client, NotFound, Unauthorized, Unprocessable
from cryptopay.devnet import writing
from tests.cryptopay.api.conftest import Caller, pay
from tests.cryptopay.client.conftest import application


def test_what_is_checked_in_is_what_the_description_says() -> None:
    """A new or changed operation comes to the client and to the Postman collection by `make write`."""
    wanted = writing.files()
    stale = sorted(path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text)
    assert not stale, f"The API's description has changed. Run `make write` and commit: {', '.join(stale)}"
    header = writing.HEADER
    written = {path for path in writing.CLIENT.rglob("*.py") if path.read_text().startswith(header)}
    assert written <= set(wanted), "These are written no more. Run `make write`"


def test_every_operation_has_a_method_in_both_clients() -> None:
    operations = list(writing.operations(writing.description()))
    assert len(operations) > 50
    for made in (Client("http://x", "k"), AsyncClient("http://x", "k")):
        named = [
            getattr(group, name)
            for group in vars(made).values()
            if type(group).__name__.endswith("Group")
            for name in dir(group)
            if not name.startswith("_")
        ]
        sources = "".join(inspect.getsource(method) for method in named)
        for operation in operations:
            assert f"_{operation.id}(" in sources, operation.id


def test_a_sale(client: Client, alice: Caller) -> None:
    opened = client.invoices.create(
        amount=Decimal("25.00"), currency="EUR", methods=["BTC"], order_id="1042", metadata={"cart": "7"}
    )
    assert (opened.status, opened.amount, opened.metadata) == ("new", Decimal("25.00"), {"cart": "7"})
    assert opened.expires_at > opened.created_at > datetime(2026, 1, 1, tzinfo=UTC)
    (method,) = opened.methods
    assert method.due.amount == Decimal(method.due.base_units) / 10**8 == Decimal("0.00041667")
    assert method.rate is not None
    assert method.rate.price == 60000
    pay(alice)
    (payment,) = client.payments.list(invoice=opened.id)
    assert (payment.state, payment.amount.base_units, payment.late) == ("seen", 50_000, False)
    assert client.payments.get(payment.id) == payment
    assert client.invoices.get(opened.id).methods[0].payments == (payment,)


def test_a_list_goes_on_over_all_pages(client: Client) -> None:
    made = [client.invoices.create(amount="1", currency="EUR", order_id=str(number)).id for number in range(5)]
    assert [invoice.id for invoice in client.invoices.list(limit=2)] == made[::-1]
    page = client.invoices.list(limit=2).page()
    assert (len(page.data), page.next_cursor) == (2, made[3])
    assert [invoice.id for invoice in client.invoices.list(limit=2).page(page.next_cursor).data] == [made[2], made[1]]
    assert [invoice.order_id for invoice in client.invoices.list(order_id="3")] == ["3"]


def test_books_and_reports(client: Client) -> None:
    for code in ("assets:bank", "income:sales"):
        client.ledger.open_account(code=code, asset="EUR")
    entry = client.ledger.post_entry(
        legs=[
            {"account": "assets:bank", "debit": Decimal("19.99")},
            {"account": "income:sales", "credit": "19.99"},
        ],
        effective_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
    )
    assert entry.legs[0].debit is not None
    assert (entry.legs[0].debit.base_units, entry.legs[0].credit) == (1999, None)
    account = next(one for one in client.ledger.list_accounts(code="assets:bank"))
    assert account.balance.posted.amount == Decimal("19.99")
    rows = client.reports.get("trial-balance").data
    assert {row["account"]: row["balance"]["amount"] for row in rows}["assets:bank"] == "19.99"
    text = client.reports.get_csv("trial-balance", until="2026-03-02")
    assert text.startswith("Account,Name,")
    assert client.reports.get_pdf("trial-balance").startswith(b"%PDF-")
    assert client.reports.get_xlsx("trial-balance").startswith(b"PK")
    assert "19.99" in text


def test_the_same_key_is_the_same_invoice(client: Client) -> None:
    made = {client.invoices.create(amount="5", currency="EUR", idempotency_key="order-5").id for _ in range(3)}
    assert len(made) == 1
    assert client.invoices.create(amount="5", currency="EUR").id not in made


def test_what_is_refused_says_what_is_wrong(client: Client, charlie: Caller) -> None:
    with pytest.raises(Unprocessable) as refused:
        client.invoices.create(amount="5", currency="XYZ")
    error = refused.value
    assert (error.status, error.code, error.pointer) == (422, "currency_unknown", "/currency")
    assert error.request_id
    theirs = charlie.post("/webhook-endpoints", {"url": "https://shop.example/hook"}).json()["id"]
    with pytest.raises(NotFound):
        client.webhook_endpoints.get(theirs)
    with pytest.raises(NotFound):
        client.invoices.get("../me")  # stays one segment of the path
    stranger = Client("http://testserver", "sk_test_" + "0" * 64, transport=httpx.MockTransport(application))
    with pytest.raises(Unauthorized, match="api_key_invalid"):
        stranger.me.get()


def test_a_float_is_no_amount(client: Client) -> None:
    amount: Any = 0.1
    with pytest.raises(TypeError, match="never a float"):
        client.invoices.create(amount=amount, currency="EUR")
    with pytest.raises(TypeError, match="offset"):
        client.ledger.post_entry(legs=[], effective_at=datetime(2026, 3, 2, 9))  # noqa: DTZ001


def test_answers_cannot_be_changed(client: Client) -> None:
    me = client.me.get()
    with pytest.raises(dataclasses.FrozenInstanceError):
        me.live = True  # type: ignore[misc]


def test_async_is_the_same(alice: Caller, client: Client) -> None:
    """It reads what the application really answered, played again; an event loop has no part in its transaction."""
    made = alice.post("/invoices", {"amount": "1", "currency": "EUR"}).json()
    page = {"data": [made], "has_more": False, "next_cursor": None}
    answers = [httpx.Response(201, json=made), httpx.Response(200, json=page), httpx.Response(200, json=made)]

    async def sell() -> list[Any]:
        transport = httpx.MockTransport(lambda _: answers.pop(0))
        async with AsyncClient("http://testserver", alice.secret, transport=transport) as other:
            created = await other.invoices.create(amount="1", currency="EUR")
            listed = [invoice async for invoice in other.invoices.list()]
            return [created, *listed, await other.invoices.get(created.id)]

    assert asyncio.run(sell()) == [client.invoices.get(made["id"])] * 3
