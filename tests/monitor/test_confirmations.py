"""When a deposit counts: the arithmetic alone, and the same in the database."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ledger.models import Book
from monitor import deposits
from monitor.chains import CHAINS, Tier
from monitor.confirmations import confirmations, due, required
from monitor.connectors.base import Transfer
from monitor.deposits import Sighting
from monitor.models import ConfirmationTier, Cursor, Deposit
from monitor.watching import watch

BITCOIN, ETHEREUM = CHAINS["bitcoin-regtest"], CHAINS["ethereum-dev"]


@pytest.mark.parametrize(
    ("chain", "base_units", "expected"),
    [
        ("bitcoin", 1, 2),
        ("bitcoin", 10_000_000, 2),
        ("bitcoin", 10_000_001, 6),
        ("bitcoin", 21 * 10**14, 6),
        ("litecoin", 1_000_000_000, 15),
        ("litecoin", 1_000_000_001, 30),
        ("ethereum", 1, None),
        ("ethereum", 10**30, None),
    ],
)
def test_the_depth_grows_with_the_amount(chain: str, base_units: int, expected: int | None) -> None:
    assert required(CHAINS[chain], base_units) == expected


def test_the_strictest_of_policy_merchant_and_maturity_counts() -> None:
    assert required(BITCOIN, 1, at_least=4) == 4
    assert required(BITCOIN, 1, at_least=1) == 2
    assert required(BITCOIN, 1, at_least=4, maturity_blocks=100) == 100
    assert required(ETHEREUM, 1, at_least=4) is None


@pytest.mark.parametrize(
    ("tiers", "base_units", "expected"),
    [
        ([], 1, 2),
        ([Tier(100, 1)], 100, 1),
        ([Tier(100, 1)], 101, 2),
        ([Tier(100, 9)], 101, 9),
        ([Tier(None, 1)], 10**12, 1),
        ([Tier(1_000, 3), Tier(100, 5)], 500, 5),
        ([Tier(None, 3), Tier(100, 1)], 101, 3),
    ],
)
def test_an_operators_tiers_stand_in_the_place_of_the_chains_as_far_as_they_reach(
    tiers: list[Tier], base_units: int, expected: int
) -> None:
    assert required(BITCOIN, base_units, tiers=tiers) == expected


def test_nobody_goes_below_the_floor_and_no_tier_decides_what_the_chain_does() -> None:
    assert required(CHAINS["monero"], 1, tiers=[Tier(None, 1)]) == CHAINS["monero"].confirmations_floor == 10
    assert required(ETHEREUM, 1, tiers=[Tier(None, 1)]) is None
    assert required(BITCOIN, 1, at_least=4, tiers=[Tier(None, 1)]) == 4


@pytest.mark.django_db
def test_deposits_follow_the_policy_of_the_moment_they_are_seen() -> None:
    watched = watch(Book.objects.create(name="Alice").pk, BITCOIN, "address", b"script")

    def seen(key: str) -> int | None:
        transfer, at = Transfer(key, key, b"script", 5_000), Sighting(BITCOIN, timezone.now())
        deposits.take_in(at, [transfer], {b"script": [watched]})
        return Deposit.objects.get(key=key).required_confirmations

    assert seen("before") == 2
    ConfirmationTier.objects.create(chain_code=BITCOIN.code, up_to_base_units=10_000, confirmations=1)
    assert (seen("after"), seen("before")) == (1, 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConfirmationTier.objects.create(chain_code=BITCOIN.code, up_to_base_units=10_000, confirmations=3)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConfirmationTier.objects.create(chain_code=BITCOIN.code, up_to_base_units=None, confirmations=0)


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_more_coins_never_count_sooner(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert (required(BITCOIN, small) or 0) <= (required(BITCOIN, large) or 0)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=str)
def test_every_chain_says_when_any_amount_counts(chain: object) -> None:
    tiers = chain.confirmation_tiers  # type: ignore[attr-defined]
    assert not tiers or tiers[-1].up_to_base_units is None
    limits = [tier.up_to_base_units for tier in tiers[:-1]]
    assert limits == sorted(limits)
    assert all(tier.confirmations >= 1 for tier in tiers)


def test_without_a_tier_that_fits_the_chain_decides() -> None:
    assert required(replace(BITCOIN, confirmation_tiers=(Tier(10, 1),)), 11) is None


@pytest.mark.parametrize(
    ("block_height", "cursor_height", "expected"),
    [(None, 100, 0), (100, None, 0), (100, 99, 0), (100, 100, 1), (100, 105, 6), (0, 0, 1)],
)
def test_its_own_block_is_the_first_confirmation(
    block_height: int | None, cursor_height: int | None, expected: int
) -> None:
    assert confirmations(Deposit(block_height=block_height), Cursor(height=cursor_height)) == expected
    assert confirmations(Deposit(block_height=block_height), None) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("required_confirmations", [1, 2, 6, None])
@pytest.mark.parametrize("final_height", [None, 98, 100, 101, 200])
def test_the_database_counts_as_python_does(required_confirmations: int | None, final_height: int | None) -> None:
    book = Book.objects.create(name="Alice")
    watched = watch(book.pk, BITCOIN, "address", b"script")
    heights = [None, *range(93, 103)]
    for height in heights:
        Deposit.objects.create(
            book=book,
            watched=watched,
            chain_code=BITCOIN.code,
            key=str(height),
            txid="t",
            base_units=1,
            block_height=height,
            required_confirmations=required_confirmations,
        )
    cursor = Cursor(chain_code=BITCOIN.code, height=100, final_height=final_height)
    found = set(Deposit.objects.filter(due(cursor)).values_list("block_height", flat=True))
    if required_confirmations is None:
        expected = {h for h in heights if h is not None and final_height is not None and h <= min(final_height, 100)}
    else:
        expected = {h for h in heights if h is not None and h <= 100 and 100 - h + 1 >= required_confirmations}
    assert found == expected
