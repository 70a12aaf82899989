"""Accounts and the memos that tell payers apart."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import DerivationExhausted, InvalidAddress, InvalidCredential
from keys.formats import antelope
from monitor.chains import CHAINS

CHAIN = CHAINS["eos"]
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def deriver(name: str = "alicesshop12") -> antelope.MemoDeriver:
    return antelope.deriver(antelope.read(name, CHAIN), CHAIN)


def test_an_address_is_the_account_and_a_memo_of_its_own() -> None:
    text, destination = deriver().address(0)
    account, memo = antelope.parts(text)
    assert account == "alicesshop12"
    assert len(memo) == 14
    assert destination == text.encode() == antelope.parse(text, CHAIN)
    assert antelope.text(destination, CHAIN) == text
    assert deriver().confirms(0, text, destination)
    assert len({deriver().address(index)[0] for index in range(2000)}) == 2000


@given(index=st.integers(0, 2**31 - 1), other=st.integers(0, 2**31 - 1))
def test_only_its_own_index_and_account_confirm_a_memo(index: int, other: int) -> None:
    text, destination = deriver().address(index)
    assert deriver().confirms(other, text, destination) == (index == other)
    assert not deriver("alicesshop13").confirms(index, text, destination)
    assert not deriver().confirms(index, text, destination + b" ")
    moved = text.replace("alicesshop12", "alicesshop13")
    assert not deriver("alicesshop13").confirms(index, moved, moved.encode())


@given(st.integers(0, 2**31 - 1), st.data())
def test_up_to_four_characters_mistyped_are_never_another_payers_memo(index: int, data: st.DataObject) -> None:
    text, _ = deriver().address(index)
    account, memo = antelope.parts(text)
    places = data.draw(st.lists(st.integers(1, len(memo) - 1), min_size=1, max_size=4, unique=True))
    typed = list(memo)
    for place in places:
        typed[place] = data.draw(st.sampled_from(LETTERS.replace(memo[place], "")))
    wrong = f"{account}/{''.join(typed)}"
    for candidate in (index, *(random.Random(index).randrange(2**31) for _ in range(5))):
        assert not deriver().confirms(candidate, wrong, wrong.encode())


def test_neighbours_memos_differ_in_five_characters_at_least() -> None:
    memos = [deriver().address(index)[0] for index in range(500)]
    for one, other in pairwise(memos):
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= 5


@pytest.mark.parametrize("name", ["a", "eosio", "alice.shop", "zzzzzzzzzzzz", "abcdefghijklj", ".a", "12345.abcdef"])
def test_names_are_taken(name: str) -> None:
    credential = antelope.read(f" {name}\n", CHAIN)
    assert antelope.restore(credential.payload, CHAIN) == credential


@pytest.mark.parametrize(
    "name",
    ["", "Alice", "alice6", "alice0", "a_b", "abcdefghijklm", "abcdefghijklmn", "alice.", "ali ce", "älice", "a/b"],
)
def test_other_names_are_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(InvalidCredential) as refused:
        antelope.read(name, CHAIN)
    assert len(name) < 3 or name not in str(refused.value)


def test_the_coins_own_account_is_refused() -> None:
    with pytest.raises(InvalidCredential):
        antelope.read("eosio.token", CHAIN)


def test_one_name_on_two_chains_is_two_accounts() -> None:
    assert antelope.read("alice", CHAIN).identity != antelope.read("alice", CHAINS["eos-dev"]).identity


@pytest.mark.parametrize("address", ["alice", "alice/x", "alice/any memo / at all", "alice/" + "m" * 256])
def test_any_account_and_memo_can_be_watched(address: str) -> None:
    assert antelope.parse(address, CHAIN) == address.encode()


@pytest.mark.parametrize("address", ["", "/", "alice/", "/x", "Alice/x", "alice/a\nb", "alice/" + "m" * 257])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidAddress):
        antelope.parse(address, CHAIN)


def test_there_are_no_memos_beyond_the_last_index() -> None:
    for index in (-1, 2**31):
        with pytest.raises(DerivationExhausted):
            deriver().address(index)
