"""What is agreed on, whoever lies, sleeps or is away."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.feeds.agreeing import Agreement, Rules, Word, agree, agree_on, median
from ledger.pairs import Pair
from tests.cryptopay.feeds.conftest import NOW

BTC_EUR, BTC_PLN, EUR_PLN = Pair("BTC", "EUR"), Pair("BTC", "PLN"), Pair("EUR", "PLN")
MAX_AGE = timedelta(seconds=900)
RULES = Rules({"ecb": timedelta(days=6)}, 2, Decimal(3), MAX_AGE)


def word(source: str, price: str | None, minutes_ago: float = 0, refused: str = "") -> Word:
    return Word(source, None if price is None else Decimal(price), NOW - timedelta(minutes=minutes_ago), refused)


def on(*prices: str, rules: Rules = RULES) -> Agreement:
    return agree(BTC_EUR, [word(f"source {n}", price) for n, price in enumerate(prices)], NOW, rules)


@pytest.mark.parametrize(
    ("prices", "price"),
    [
        (["50000", "50010"], "50005"),
        (["50000", "50010", "50500"], "50010"),
        (["50000", "50010", "50020", "50030"], "50015"),
        (["0.000000000000000001", "0.000000000000000001"], "0.000000000000000001"),
        (["99999999999999999999.999999999999999999", "99999999999999999999.999999999999999998"],
         "99999999999999999999.999999999999999998"),
        (["1.000000000000000001", "1.000000000000000002"], "1.000000000000000002"),
    ],
)  # fmt: skip
def test_the_price_is_the_median_exactly(prices: list[str], price: str) -> None:
    assert on(*prices).price == Decimal(price)


def test_threat_25_a_price_ten_times_off_is_left_out_and_told() -> None:
    agreed = on("50000", "500000", "50020")
    assert agreed.price == 50010
    assert [(part.source, part.why) for part in agreed.parts if not part.used] == [
        ("source 1", "899.6% away from the median")
    ]
    assert agreed.sources == ["source 0", "source 2"]


@pytest.mark.parametrize(
    "prices",
    [
        ["50000"],
        ["50000", "500000"],
        ["50000", "53500"],
        ["50000", "50000", "500000", "500000"],
        ["1", "2", "3"],
        ["1", "50000", "50001", "90000", "150000"],
        [],
    ],
)
def test_threat_25_without_a_majority_together_there_is_no_price(prices: list[str]) -> None:
    agreed = on(*prices)
    assert agreed.price is None
    assert agreed.why
    assert all(part.why for part in agreed.parts)


def test_threat_25_a_stale_feed_takes_no_part() -> None:
    words = [word("kraken", "50000", 15), word("bitstamp", "50010", 15.1), word("coinbase", "50020", 1)]
    agreed = agree(BTC_EUR, words, NOW, RULES)
    assert agreed.price == 50010  # of kraken and coinbase
    assert {part.source: part.why for part in agreed.parts} == {"bitstamp": "too old", "kraken": "", "coinbase": ""}
    assert agreed.good_until == NOW
    assert agree(BTC_EUR, words, NOW + timedelta(seconds=1), RULES).price is None


def test_one_source_suffices_only_where_the_operator_says_so() -> None:
    alone = [word("kraken", "50000"), word("bitstamp", None, refused="0 is not a price")]
    assert agree(BTC_EUR, alone, NOW, RULES).why == "1 of 2 sources have a fresh price"
    agreed = agree(BTC_EUR, alone, NOW, Rules({}, 1, Decimal(3), MAX_AGE))
    assert agreed.price == 50000
    assert [(part.source, part.why) for part in agreed.parts] == [("kraken", ""), ("bitstamp", "0 is not a price")]


def over_the_euro(euros_in_zloty: list[Word], direct: list[Word] | None = None) -> Agreement:
    heard = {
        BTC_EUR: [word("kraken", "81250", 2), word("bitstamp", "81251", 1)],
        EUR_PLN: euros_in_zloty,
        BTC_PLN: direct or [],
    }
    return agree_on([BTC_PLN], heard, NOW, RULES)[0]


def test_where_too_few_price_it_the_way_goes_over_the_euro() -> None:
    zloty = [word("ecb", "4.2440", 60 * 48), word("coinbase", "4.2451", 1)]
    agreed = over_the_euro(zloty)
    assert agreed.price == Decimal("81250.5") * Decimal("4.24455")
    assert agreed.sources == ["cross (bitstamp, kraken × coinbase, ecb)"]
    assert agreed.good_until == NOW + timedelta(minutes=13)
    beside = over_the_euro(zloty, [word("coinbase", "344923.7")])
    assert len(beside.sources) == 2


@pytest.mark.parametrize(
    "zloty",
    [
        [],
        [("ecb", "4.2440", 60 * 48)],
        [("ecb", "42.440", 60 * 48), ("coinbase", "4.2451", 1)],
        [("ecb", "4.2440", 60 * 24 * 7), ("coinbase", "4.2451", 1)],
    ],
)
def test_threat_25_each_step_over_the_euro_must_be_agreed_on(zloty: list[tuple[str, str, float]]) -> None:
    assert over_the_euro([word(*given) for given in zloty]).price is None


def test_threat_25_a_single_source_and_the_way_over_the_euro_that_disagree_price_nothing() -> None:
    zloty = [word("ecb", "4.2440", 60), word("coinbase", "4.2451", 1)]
    assert over_the_euro(zloty, [word("coinbase", "3449237")]).why == "the sources disagree"


_honest = st.decimals("49900", "50100", places=2)
_anything = st.decimals(Decimal("1e-18"), Decimal("99999999999999999999"), places=18)


@given(honest=st.lists(_honest, min_size=2, max_size=6), lies=st.lists(_anything, max_size=5))
def test_threat_25_a_minority_of_liars_moves_the_price_by_the_deviation_at_most(
    honest: list[Decimal], lies: list[Decimal]
) -> None:
    lies = lies[: len(honest) - 1]
    words = [Word(f"s{n}", price, NOW) for n, price in enumerate([*honest, *lies])]
    price = agree(BTC_EUR, words, NOW, RULES).price
    assert price is None or min(honest) * Decimal("0.97") <= price <= max(honest) * Decimal("1.03")
    assert price is not None or lies


@given(st.lists(_anything, min_size=1, max_size=9))
def test_the_median_lies_between_the_least_and_the_largest(prices: list[Decimal]) -> None:
    assert min(prices) <= median(prices) <= max(prices)
