"""What prices what now, for a person: why something is not priced, a price set by hand, a source left out."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.backoffice import pricing
from cryptopay.feeds import medians
from cryptopay.feeds.models import Feed, Heard
from cryptopay.merchants.models import User
from ledger import rates
from ledger.models import Rate
from monitor.tokens import Token

from .conftest import Shop

SignIn = Callable[[User], Client]
NOW, SET, RECORDED = reverse("admin:rates_now"), reverse("admin:ledger_rate_set_page"), "admin:ledger_rate_changelist"


@pytest.fixture(autouse=True)
def _sources(settings: LazySettings) -> None:
    settings.RATE_SOURCES = ["bitstamp", "coinbase", "kraken"]
    settings.RATE_CURRENCIES = ["CHF", "EUR"]


@pytest.fixture
def accountant(shops: dict[str, Shop], signed_in: SignIn) -> Client:
    return signed_in(shops["Bob"].members["accountant"])


def heard(**prices: str) -> None:
    for source, price in prices.items():
        Heard.objects.create(source=source, asset_code="BTC", currency="CHF", price=price, observed_at=timezone.now())


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def form(book: Any, **changed: str) -> dict[str, str]:
    said = {"whose": str(book), "asset": "BTC", "currency": "EUR", "price": "60500", "holds": "3600"}
    return {**said, "reason": "Feeds lag behind", "token": "t", **changed}


def test_the_page_tells_what_prices_and_why_something_is_not_priced(shops: dict[str, Shop], accountant: Client) -> None:
    Feed.objects.create(
        name="kraken", next_at=timezone.now(), failures=3, failing_since=timezone.now(), failure="it answers HTTP 503"
    )
    page = text(accountant, f"{NOW}?book={shops['Bob'].book.pk}")
    assert "it answers HTTP 503" in page
    assert "60001" in page
    assert "Bob&#x27;s desk" in page
    assert "Alice&#x27;s desk" not in page
    assert "Prices nothing. No rate is known." in page
    heard(kraken="55000", coinbase="65000")
    medians.record_medians()
    page = text(accountant, NOW)
    assert "Now the sources disagree." in page
    assert "8.3% away from the median" in page
    Heard.objects.filter(source="coinbase").update(price="55010")
    (rate,) = medians.record_medians()
    assert "2 of 2 used" in text(accountant, NOW)
    assert "median of Coinbase, Kraken" in text(accountant, reverse("admin:ledger_rate_change", args=[rate.pk]))
    found = text(accountant, f"{reverse(RECORDED)}?q=BTC CHF")
    assert "55005" in found
    assert "60001" not in found


def test_a_token_stands_on_the_page_whether_or_not_sources_are_asked_for_it(
    accountant: Client, settings: LazySettings
) -> None:
    settings.RATE_TOKENS, settings.NODE_URLS = [], {**settings.NODE_URLS, "ethereum-dev": "http://127.0.0.1:9"}
    Token.objects.create(chain_code="ethereum-dev", contract=f"0x{'ab' * 20}", code="USDX", decimals=6)
    rates.record("USDX", "EUR", Decimal("0.86"), "demo", timezone.now())
    rows = {(row.pair.asset_code, row.pair.currency): row for row in pricing.priced(None, timezone.now())}
    assert (rows["USDX", "EUR"].price, rows["USDX", "EUR"].refusal) == ("0.86", "")
    assert rows["USDX", "CHF"].refusal == "No rate is known."
    page = text(accountant, NOW)
    assert "<strong>USDX</strong> in EUR" in page
    Token.objects.update(enabled=False)
    assert "USDX" not in text(accountant, NOW)


def test_an_accountant_sets_a_rate_for_the_own_book(shops: dict[str, Shop], accountant: Client) -> None:
    book = shops["Bob"].book
    answer = accountant.post(SET, form(book.pk))
    rate = Rate.objects.get(origin="manual")
    assert answer["Location"] == reverse("admin:ledger_rate_change", args=[rate.pk])
    assert (rate.book, rate.by, rate.reason) == (book, "Bob-accountant", "Feeds lag behind")
    assert rates.current(book.pk, "BTC", "EUR") == rate
    accountant.post(SET, form(book.pk, holds="1", reason="They are back"))
    later = timezone.now() + timedelta(seconds=2)
    assert rates.current(book.pk, "BTC", "EUR", later).source == "Bob's desk"


def test_threat_25_a_price_far_off_is_asked_about_once_more(shops: dict[str, Shop], accountant: Client) -> None:
    book = shops["Bob"].book
    far = form(book.pk, price="605000")
    answer = accountant.post(SET, far)
    assert "This is 908% away from 1 BTC = 60001 EUR" in answer.content.decode()
    assert not Rate.objects.filter(origin="manual").exists()
    accountant.post(SET, {**far, "confirmed": "on"})
    assert rates.current(book.pk, "BTC", "EUR").price == 605_000


def test_what_is_no_rate_is_not_set(shops: dict[str, Shop], accountant: Client) -> None:
    mine, hers = shops["Bob"].book.pk, shops["Alice"].book.pk
    for wrong in (
        *({"price": price} for price in ("0", "-1", "NaN", "1e20", "many", "")),
        *({"asset": "B T C"}, {"currency": "euro"}, {"reason": ""}, {"holds": "99999999"}),
        *({"whose": "platform"}, {"whose": str(hers)}),  # threat 39: another's book
    ):
        answer = accountant.post(SET, form(mine, **wrong))
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode(), wrong
    assert not Rate.objects.filter(origin="manual").exists()


def test_only_an_accountant_sets_rates(shops: dict[str, Shop], signed_in: SignIn) -> None:
    for role in ("viewer", "cashier", "approver", "auditor", "administrator"):
        client = signed_in(shops["Bob"].members[role])
        assert client.get(SET).status_code == 403
        assert client.post(SET, form(shops["Bob"].book.pk)).status_code == 403
        assert client.get(NOW).status_code == (200 if role in ("approver", "auditor") else 403)


def test_the_operator_sets_rates_for_everybody_and_leaves_sources_out(
    shops: dict[str, Shop], root: User, signed_in: SignIn, accountant: Client
) -> None:
    path = reverse("admin:rate_source", args=["kraken"])
    assert accountant.post(path, {"out": ""}).status_code == 403
    operator = signed_in(root)
    assert operator.get(path).status_code == 405
    assert operator.post(reverse("admin:rate_source", args=["nobody"])).status_code == 403
    operator.post(SET, form("platform", asset="USDX", price="0.86"))
    assert rates.current(shops["Bob"].book.pk, "USDX", "EUR").price == Decimal("0.86")
    operator.post(path, {"out": ""})
    feed = Feed.objects.get(name="kraken")
    assert feed.left_out_since
    assert feed.left_out_by == root.username
    assert "left out by" in text(operator, NOW)
    operator.post(path, {"in": ""})
    feed.refresh_from_db()
    assert (feed.left_out_since, feed.left_out_by) == (None, "")
