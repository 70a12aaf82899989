from dataclasses import dataclass
from decimal import Decimal
from random import Random

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.money import LARGEST_BASE_UNITS, Amount, BadAmount, BaseUnitsField, parse, parse_typed, to_decimal, to_text


@dataclass(frozen=True)
class Coin:
    decimals: int
    code: str = "XYZ"


BTC = Coin(8, "BTC")
EUR = Coin(2, "EUR")
base_units = st.integers(0, LARGEST_BASE_UNITS)
decimals = st.integers(0, 255)


@given(base_units, decimals)
@example(LARGEST_BASE_UNITS, 255)
@example(2**256 - 1, 18)
@example(0, 0)
@settings(max_examples=500, deadline=None)
def test_every_amount_survives_its_text(n: int, places: int) -> None:
    amount = Amount(n, Coin(places))
    assert parse(amount.text, amount.asset) == amount
    assert to_decimal(n, places) == Decimal(f"{n}E-{places}")


@given(base_units, decimals)
@settings(deadline=None)
def test_a_negative_balance_reads_like_the_positive_one_with_a_sign(n: int, places: int) -> None:
    assert to_text(-n, places) == (f"-{to_text(n, places)}" if n else to_text(0, places))


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("0", 0),
        ("1", 100_000_000),
        ("0.00000001", 1),
        ("0.1", 10_000_000),
        ("1.50000000", 150_000_000),
        ("1.500000000000000000000", 150_000_000),
        ("21000000.00000000", 2_100_000_000_000_000),
    ],
)
def test_plain_decimals_are_read(text: str, n: int) -> None:
    assert parse(text, BTC).base_units == n


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1 ", " 1", "+1", "-1", "-0", ".5", "5.", "1e8", "1E8", "1e-8", "0x10", "1,5", "1_000", "01", "00.1",
        "1.2.3", "NaN", "nan", "Infinity", "inf", "-inf", "٣", "\uff11", "1.٣", "²", "1\n", "1\x00", "一",
        "0." + "0" * 400, 1, 1.0, 0.1, True, None, Decimal("1"), b"1", ["1"],
    ],
)  # fmt: skip
def test_what_is_not_a_plain_decimal_text_is_malformed(text: object) -> None:
    with pytest.raises(BadAmount) as refusal:
        parse(text, BTC)  # type: ignore[arg-type]
    assert refusal.value.code == "amount_malformed"


@pytest.mark.parametrize("text", ["0.000000001", "1.123456789", "0.100000001"])
def test_a_digit_below_the_base_unit_is_refused_not_rounded(text: str) -> None:
    with pytest.raises(BadAmount) as refusal:
        parse(text, BTC)
    assert refusal.value.code == "amount_too_precise"


def test_zeros_below_the_base_unit_that_people_write_may_be_thousands() -> None:
    assert parse_typed("1200.00", EUR) == parse("1200.00", EUR)
    assert parse_typed("1200", EUR) == parse_typed("1200.0", EUR)
    with pytest.raises(BadAmount) as refusal:
        parse_typed("1.200", EUR)
    assert refusal.value.code == "amount_too_precise"


@pytest.mark.parametrize("text", ["1" + "0" * 70, "9" * 200])
def test_what_cannot_be_stored_is_out_of_range(text: str) -> None:
    with pytest.raises(BadAmount) as refusal:
        parse(text, BTC)
    assert refusal.value.code == "amount_out_of_range"


@pytest.mark.parametrize("n", [-1, 10**78])
def test_an_amount_is_within_what_is_stored(n: int) -> None:
    with pytest.raises(BadAmount):
        Amount(n, BTC)


@pytest.mark.parametrize("n", [1.0, True, "1", Decimal(1), None, float("nan")])
def test_an_amount_is_an_int(n: object) -> None:
    with pytest.raises(TypeError):
        Amount(n, BTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.0, TypeError),
        (0.5, TypeError),
        (float("nan"), TypeError),
        (Decimal("1.5"), ValidationError),
        (Decimal("NaN"), ValidationError),
        (Decimal("Infinity"), ValidationError),
        ("1.5", ValidationError),
        ("abc", ValidationError),
    ],
)
def test_a_column_of_base_units_rounds_nothing(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        BaseUnitsField().to_python(value)


def test_a_column_of_base_units_reads_ints() -> None:
    assert BaseUnitsField().to_python(
        "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    ) == (2**256 - 1)
    assert BaseUnitsField().to_python(None) is None


@given(base_units, st.integers(0, 18), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_threat_24_the_parts_of_any_amount_sum_to_it_exactly(n: int, places: int, parts: int) -> None:
    """Each part goes out as text, as the API says it, and comes back."""
    coin = Coin(places)
    shares = [n // parts + (1 if i < n % parts else 0) for i in range(parts)]
    said = [Amount(share, coin).text for share in shares]
    assert sum(parse(text, coin).base_units for text in said) == n


def test_threat_24_no_amount_of_many_is_changed_by_being_written_and_read() -> None:
    """Where binary floating point fails: from 2**53 on, and at every decimal point."""
    random = Random(24)
    coins = [Coin(places) for places in (0, 2, 6, 8, 18)]
    for _ in range(100_000):
        n, coin = random.getrandbits(random.randrange(1, 257)), random.choice(coins)
        assert parse(to_text(n, coin.decimals), coin).base_units == n
    assert float(2**53 + 1) != 2**53 + 1
    assert parse("90071992.54740993", BTC).base_units == 2**53 + 1
