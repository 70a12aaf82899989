"""What an invoice costs in a coin: exact, rounded up once, refused where no rate can be trusted."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.payments.errors import AmountBelowMinimum, AmountNotPositive, UnknownMethod
from cryptopay.payments.quotes import FIAT_DECIMALS, Fiat, asked, price, quote, rounded_up
from ledger import chart, rates
from ledger.errors import RateMissing, RateStale, RateSuspect
from ledger.models import Asset, Book
from ledger.money import BadAmount
from monitor.chains import CHAINS

BITCOIN, ETHEREUM = CHAINS["bitcoin-regtest"], CHAINS["ethereum-dev"]


@pytest.fixture
def book(db: None) -> Book:
    return Book.objects.create(name="Alice's")


@pytest.fixture
def btc(db: None) -> Asset:
    return chart.asset("BTC", BITCOIN.code, 8)


@pytest.fixture
def eth(db: None) -> Asset:
    return chart.asset("ETH", ETHEREUM.code, 18)


def rate(asset: str, value: str, age_seconds: int = 0) -> None:
    rates.record(asset, "EUR", Decimal(value), "test", timezone.now() - timedelta(seconds=age_seconds))


def test_a_crypto_invoice_needs_no_rate(book: Book, btc: Asset) -> None:
    quoted = quote(book.pk, Decimal("0.00150000"), "BTC", btc, BITCOIN)
    assert (quoted.due_base_units, quoted.rate) == (150_000, None)


def test_a_fiat_invoice_isrounded_up_to_what_a_person_can_type(book: Book, btc: Asset, eth: Asset) -> None:
    rate("BTC", "60000")
    rate("ETH", "3000")
    assert quote(book.pk, Decimal("10"), "EUR", btc, BITCOIN).due_base_units == 16_667  # 0.000166666...
    assert quote(book.pk, Decimal("10"), "EUR", eth, ETHEREUM).due_base_units == 333_334 * 10**10


def test_the_used_rate_is_kept(book: Book, btc: Asset) -> None:
    rate("BTC", "60000")
    used = quote(book.pk, Decimal("10"), "EUR", btc, BITCOIN).rate
    assert used is not None
    assert used.price == 60000


def test_another_coin_is_refused(book: Book, eth: Asset) -> None:
    with pytest.raises(UnknownMethod):
        quote(book.pk, Decimal(1), "BTC", eth, ETHEREUM)


def test_dust_is_refused_because_it_would_not_be_credited(book: Book, btc: Asset) -> None:
    with pytest.raises(AmountBelowMinimum):
        quote(book.pk, Decimal("0.00000545"), "BTC", btc, BITCOIN)


def test_no_rate_no_invoice(book: Book, btc: Asset) -> None:
    with pytest.raises(RateMissing):
        quote(book.pk, Decimal(10), "EUR", btc, BITCOIN)


def test_a_stale_rate_prices_nothing(book: Book, btc: Asset) -> None:
    rate("BTC", "60000", age_seconds=901)
    with pytest.raises(RateStale):
        quote(book.pk, Decimal(10), "EUR", btc, BITCOIN)


def test_a_tenfold_rate_prices_nothing_until_a_second_one_agrees(book: Book, btc: Asset) -> None:
    rate("BTC", "60000", age_seconds=120)
    rate("BTC", "600000", age_seconds=60)
    with pytest.raises(RateSuspect):
        quote(book.pk, Decimal(10), "EUR", btc, BITCOIN)
    rate("BTC", "600001")
    assert quote(book.pk, Decimal(10), "EUR", btc, BITCOIN).due_base_units == 1_667


def test_a_huge_amount_is_refused_not_cut(book: Book, eth: Asset) -> None:
    rate("ETH", "0.000000000000000001")
    with pytest.raises(BadAmount) as refused:
        quote(book.pk, Decimal(10**60), "EUR", eth, ETHEREUM)
    assert refused.value.code == "amount_out_of_range"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-1", "amount_malformed"),
        ("1e3", "amount_malformed"),
        ("NaN", "amount_malformed"),
        ("1,5", "amount_malformed"),
        (" 1", "amount_malformed"),
        ("", "amount_malformed"),
        ("٣", "amount_malformed"),
        ("1.005", "amount_too_precise"),
    ],
)
def test_a_bad_amount_has_a_code(text: str, code: str) -> None:
    with pytest.raises(BadAmount) as refused:
        price(text, Fiat("EUR"))
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["0", "0.00"])
def test_nothing_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(AmountNotPositive):
        price(text, Fiat("EUR"))


@given(cents=st.integers(1, 10**12), tenths=st.integers(1, 10**9))
def test_a_quote_is_never_short_and_never_a_unit_too_much(cents: int, tenths: int) -> None:
    asked, at = Fraction(cents, 100), Fraction(tenths, 10)
    kept = ETHEREUM.quote_decimals
    due = Fraction(rounded_up(asked / at, 18, kept), 10**18)
    assert asked / at <= due < asked / at + Fraction(1, 10**kept)


def test_every_fiat_currency_is_three_capitals() -> None:
    assert all(len(code) == 3 and code.isupper() for code in FIAT_DECIMALS)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("25", "EUR", "25.00"),
        ("2.8", "EUR", "2.80"),
        ("500", "JPY", "500"),
        ("0.00100000", "BTC", "0.001"),
        ("2", "BTC", "2"),
        ("12345678901234567890.123456789012345678", "ETH", "12345678901234567890.123456789012345678"),
    ],
)
def test_an_amount_is_written_exactly_and_as_people_write_it(amount: str, currency: str, text: str) -> None:
    assert asked(Decimal(amount), currency) == text


@pytest.mark.parametrize(("decimals", "due"), [(6, 11_627_907), (2, 1163), (18, 1_162_790_698 * 10**10)])
def test_a_token_is_rounded_by_its_own_decimals(book: Book, decimals: int, due: int) -> None:
    rate("USDX", "0.86")
    token = chart.asset("USDX", ETHEREUM.code, decimals, "0x" + "ab" * 20)
    quoted = quote(book.pk, Decimal("10"), "EUR", token, ETHEREUM, 1)
    assert quoted.due_base_units == due


def test_a_token_has_a_minimum_of_its_own(book: Book) -> None:
    token = chart.asset("USDX", ETHEREUM.code, 6, "0x" + "ab" * 20)
    assert quote(book.pk, Decimal("0.01"), "USDX", token, ETHEREUM, 10_000).due_base_units == 10_000
    with pytest.raises(AmountBelowMinimum):
        quote(book.pk, Decimal("0.009999"), "USDX", token, ETHEREUM, 10_000)


def test_a_price_finer_than_the_token_is_rounded_up(book: Book) -> None:
    """The same code may have more decimals on another chain, where the price can be said exactly."""
    token = chart.asset("USDX", ETHEREUM.code, 6, "0x" + "ab" * 20)
    assert quote(book.pk, Decimal("1.0000001"), "USDX", token, ETHEREUM, 1).due_base_units == 1_000_001
