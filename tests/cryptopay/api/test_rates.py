"""What prices what now, and why not; a book's own rates, which nobody else has; what was recorded, for good."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from cryptopay.feeds import medians
from cryptopay.feeds.models import Heard
from ledger import rates
from ledger.models import Rate
from monitor.tokens import Token
from tests.cryptopay.api.conftest import Caller, code

OWN = {"asset": "BTC", "currency": "EUR", "price": "61000.50", "reason": "Our bank's price"}


def current(caller: Caller, asset: str = "BTC", currency: str = "EUR") -> dict[str, Any]:
    (found,) = caller.get("/rates", asset=asset, currency=currency).json()["data"]
    return found  # type: ignore[no-any-return]


def heard(**prices: str) -> None:
    for source, price in prices.items():
        now = timezone.now()
        Heard.objects.create(source=source, asset_code="BTC", currency="CHF", price=price, observed_at=now)


@pytest.fixture(autouse=True)
def _sources(settings: Settings) -> None:
    settings.RATE_SOURCES = ["bitstamp", "coinbase", "kraken"]
    settings.RATE_CURRENCIES = ["CHF", "EUR", "USD"]


def test_what_prices_now_tells_its_source_and_age(alice: Caller) -> None:
    found = current(alice)
    assert found["usable"] is True
    assert found["refused"] is None
    assert 0 <= found["age_seconds"] < 60
    assert (found["rate"]["price"], found["rate"]["origin"], found["rate"]["own"]) == ("60000", "recorded", False)
    missing = current(alice, currency="CHF")
    assert (missing["usable"], missing["rate"], missing["age_seconds"]) == (False, None, None)
    assert missing["refused"] == {"code": "rate_missing", "detail": "No rate of BTC in CHF is known."}


def test_every_coin_in_every_currency_in_use_page_by_page(alice: Caller) -> None:
    whole = alice.get("/rates").json()
    pairs = [(row["asset"], row["currency"]) for row in whole["data"]]
    assert pairs == sorted(pairs)
    assert ("BTC", "EUR") in pairs
    assert ("XMR", "USD") in pairs
    first = alice.get("/rates", limit=3).json()
    rest = alice.get("/rates", limit=100, cursor=first["next_cursor"]).json()
    assert [(row["asset"], row["currency"]) for row in first["data"] + rest["data"]] == pairs
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert code(alice.get("/rates", cursor="BTC")) == "cursor_invalid"


def test_a_median_tells_its_sources_and_so_does_an_invoice_priced_by_it(alice: Caller, order: dict[str, Any]) -> None:
    heard(kraken="55000", coinbase="55010", bitstamp="550000")
    medians.record_medians()
    rate = current(alice, currency="CHF")["rate"]
    assert (rate["price"], rate["source"], rate["origin"]) == ("55005", "median of Coinbase, Kraken", "median")
    assert [(part["source"], part["used"]) for part in rate["sources"]] == [
        ("coinbase", True),
        ("kraken", True),
        ("bitstamp", False),
    ]
    opened = alice.post("/invoices", {**order, "currency": "CHF"}).json()
    assert opened["methods"][0]["rate"]["source"] == rate["source"]
    assert alice.get(f"/rates/{rate['id']}").json() == rate


def test_threat_25_why_nothing_is_priced_is_told(alice: Caller, order: dict[str, Any]) -> None:
    heard(kraken="55000", coinbase="65000")
    medians.record_medians()
    found = current(alice, currency="CHF")
    assert found["refused"] == {
        "code": "rate_missing",
        "detail": "No rate of BTC in CHF is known; the sources disagree.",
    }
    assert [part["why"] for part in found["sources"]] == ["8.3% away from the median"] * 2
    refusal = alice.post("/invoices", {**order, "currency": "CHF"})
    assert (refusal.status_code, code(refusal)) == (503, "rate_missing")
    rates.record("BTC", "CHF", Decimal(1), "old", timezone.now() - timedelta(hours=1))
    assert current(alice, currency="CHF")["refused"]["code"] == "rate_stale"


def test_a_books_own_rate_goes_before_and_is_nobody_elses(alice: Caller, charlie: Caller) -> None:
    answer = alice.post("/rates", OWN)
    assert answer.status_code == 201
    own = answer.json()
    assert (own["price"], own["origin"], own["own"], own["valid_until"]) == ("61000.5", "recorded", True, None)
    assert own["written_by"].startswith("API key tests")
    assert own["reason"] == OWN["reason"]
    assert current(alice)["rate"] == own
    assert current(charlie)["rate"]["price"] == "60000"
    assert charlie.get(f"/rates/{own['id']}").status_code == 404
    assert Caller(alice.merchant, live=True).get(f"/rates/{own['id']}").status_code == 404


def test_a_rate_by_hand_holds_until_its_time(alice: Caller) -> None:
    until = timezone.now() + timedelta(days=30)
    held = alice.post("/rates", {**OWN, "valid_until": until.isoformat()}).json()
    assert held["origin"] == "manual"
    alice.post("/rates", {**OWN, "price": "61500"})
    assert current(alice)["rate"] == held


def test_who_set_the_platforms_rate_is_the_platforms_business(alice: Caller) -> None:
    until = timezone.now() + timedelta(hours=1)
    rates.record("BTC", "EUR", Decimal(60000), "desk", timezone.now(), valid_until=until, by="Olga", reason="feeds lag")
    found = current(alice)["rate"]
    assert (found["origin"], found["written_by"], found["reason"]) == ("manual", None, None)


def test_threat_25_a_slip_prices_nothing_until_a_second_one_agrees(alice: Caller, order: dict[str, Any]) -> None:
    slip = alice.post("/rates", {**OWN, "price": "600000"}).json()
    assert slip["suspect"] == "moved from 60000 to 600000"
    found = current(alice)
    assert (found["usable"], found["refused"]["code"]) == (False, "rate_suspect")
    assert code(alice.post("/invoices", order)) == "rate_suspect"
    alice.post("/rates", {**OWN, "price": "600000"})
    assert current(alice)["usable"] is True


@pytest.mark.parametrize(
    ("wrong", "status", "said", "pointer"),
    [
        ({"price": "0"}, 400, "rate_invalid", "/price"),
        ({"price": "-1"}, 400, "amount_malformed", "/price"),
        ({"price": "NaN"}, 400, "amount_malformed", "/price"),
        ({"price": "1e5"}, 400, "amount_malformed", "/price"),
        ({"price": 60000}, 400, "amount_malformed", "/price"),
        ({"price": "0.1234567890123456789"}, 400, "amount_too_precise", "/price"),
        ({"price": "100000000000000000000"}, 400, "rate_invalid", "/price"),
        ({"asset": "NOTHING"}, 422, "asset_unknown", "/asset"),
        ({"currency": "EUX"}, 422, "currency_unknown", "/currency"),
        ({"observed_at": "2199-01-01T00:00:00Z"}, 400, "rate_invalid", "/price"),
        ({"observed_at": "2026-01-01T00:00:00"}, 400, "moment_invalid", "/observed_at"),
        ({"valid_until": "2000-01-01T00:00:00Z"}, 400, "rate_invalid", "/price"),
        ({"valid_until": "2199-01-01T00:00:00Z"}, 400, "rate_invalid", "/price"),
        ({"book": "1"}, 400, "unknown_field", "/book"),
        ({"suspect": ""}, 400, "unknown_field", "/suspect"),
    ],
)
def test_what_is_no_rate_is_not_recorded(
    alice: Caller, wrong: dict[str, Any], status: int, said: str, pointer: str
) -> None:
    before = Rate.objects.count()
    answer = alice.post("/rates", {**OWN, **wrong})
    assert (answer.status_code, code(answer)) == (status, said)
    assert answer.json()["errors"][0]["pointer"] == pointer  # type: ignore[attr-defined]
    assert Rate.objects.count() == before


def test_the_history_is_the_books_and_the_platforms_page_by_page(alice: Caller, charlie: Caller) -> None:
    charlie.post("/rates", OWN)
    prices = ["61000", "61010", "61020"]
    for price in prices:
        alice.post("/rates", {**OWN, "price": price})
    asked = {"asset": "BTC", "currency": "EUR"}
    first = alice.get("/rates/history", **asked, limit=2).json()
    rest = alice.get("/rates/history", **asked, cursor=first["next_cursor"]).json()
    assert [row["price"] for row in first["data"] + rest["data"]] == [*reversed(prices), "60000"]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    theirs = charlie.get("/rates/history", **asked, limit=1).json()["data"][0]["id"]
    for cursor in (theirs, "rate_x", "rate_999999"):
        assert code(alice.get("/rates/history", **asked, cursor=cursor)) == "cursor_invalid"
    other_pair = {"asset": "LTC", "currency": "EUR", "cursor": first["next_cursor"]}
    assert code(alice.get("/rates/history", **other_pair)) == "cursor_invalid"
    assert alice.get("/rates/history").status_code == 400


def test_a_key_needs_the_scope(alice: Caller) -> None:
    reader = Caller(alice.merchant, scopes=["rates:read"])
    assert reader.get("/rates").status_code == 200
    assert code(reader.post("/rates", OWN)) == "scope_missing"
    assert code(Caller(alice.merchant, scopes=["invoices:read"]).get("/rates")) == "scope_missing"


def test_however_many_pairs_are_listed_by_as_many_questions(alice: Caller) -> None:
    alice.get("/rates")
    asked = []
    for limit in (1, 100):
        with CaptureQueriesContext(connection) as questions:
            shown = alice.get("/rates", limit=limit).json()["data"]
        asked.append((len(shown) > 1, len(questions)))
    assert asked == [(False, asked[0][1]), (True, asked[0][1])]


def test_a_token_that_no_public_source_is_asked_for_is_listed_too(alice: Caller, settings: Settings) -> None:
    """Its name means nothing to them; who lets it in prices it."""
    settings.RATE_TOKENS = []
    Token.objects.create(chain_code="ethereum-dev", contract=f"0x{'ab' * 20}", code="USDX", decimals=6)
    rates.record("USDX", "EUR", Decimal("0.86"), "demo", timezone.now())
    shown = {(row["asset"], row["currency"]): row for row in alice.get("/rates", limit=100).json()["data"]}
    assert shown["USDX", "EUR"]["rate"]["price"] == "0.86"
    assert shown["USDX", "EUR"]["usable"] is True
    assert shown["USDX", "CHF"]["refused"]["code"] == "rate_missing"
