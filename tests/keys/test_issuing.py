import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from keys import issuing
from keys.derivation import deriver
from keys.errors import AddressMismatch, DerivationExhausted, NoChildKey, NoMasterKey
from keys.formats.bip32 import AccountDeriver, Parent
from keys.importing import import_credential
from keys.issuing import issue_address, verified, verified_many
from keys.models import Address, AddressAlarm, MasterKey
from ledger.models import Book
from monitor.chains import CHAINS
from tests.database import past_triggers

BITCOIN, ETHEREUM = CHAINS["bitcoin-regtest"], CHAINS["ethereum-dev"]


def _tamper(sql: str, *values: object) -> None:
    """As a superuser with the triggers off: the strongest thief of the database."""
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def _issued(master_key: MasterKey) -> list[int]:
    return list(master_key.addresses.order_by("index").values_list("index", flat=True))


def _free(master_key: MasterKey) -> list[int]:
    return list(master_key.free_indexes.order_by("index").values_list("index", flat=True))


def _in_a_thread(call: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _alarms(book_id: int) -> int:
    return AddressAlarm.objects.filter(book_id=book_id).count()


@pytest.mark.django_db
def test_without_a_key_nothing_is_issued(new_book: Callable[[], Book], new_master_key: Callable[[], MasterKey]) -> None:
    other = new_master_key()
    for book_id, chain in ((new_book().pk, BITCOIN), (other.book_id, ETHEREUM)):
        with pytest.raises(NoMasterKey) as refusal, transaction.atomic():
            issue_address(book_id, chain)
        assert refusal.value.code == "no_key_for_chain"


@pytest.mark.django_db
def test_the_last_index_is_issued_and_none_after_it(new_master_key: Callable[[], MasterKey]) -> None:
    master_key = new_master_key()
    MasterKey.objects.filter(pk=master_key.pk).update(next_index=2**31 - 1)
    assert issue_address(master_key.book_id, BITCOIN).index == 2**31 - 1
    with pytest.raises(DerivationExhausted):
        issue_address(master_key.book_id, BITCOIN)


@pytest.mark.django_db
def test_a_rollback_leaves_no_gap(new_master_key: Callable[[], MasterKey]) -> None:
    book_id = new_master_key().book_id
    assert issue_address(book_id, BITCOIN).index == 0
    with transaction.atomic():
        lost = issue_address(book_id, BITCOIN)
        transaction.set_rollback(True)
    again = issue_address(book_id, BITCOIN)
    assert (again.index, again.text) == (1, lost.text)


@pytest.mark.django_db
def test_an_index_without_a_key_is_skipped(
    new_master_key: Callable[[], MasterKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such index is known (1 in 2**127), so the refusal is put in."""
    real = Parent.point

    def point(self: Parent, index: int) -> Any:
        if self.key.depth == 4 and index in (0, 1):
            raise NoChildKey(str(index))
        return real(self, index)

    monkeypatch.setattr(Parent, "point", point)
    assert issue_address(new_master_key().book_id, BITCOIN).index == 2


@pytest.mark.django_db
def test_a_miscalculated_address_is_not_given_out(
    new_master_key: Callable[[], MasterKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong bit in the first calculation, as bad memory makes it."""
    real = AccountDeriver.destination

    def destination(self: AccountDeriver, index: int) -> bytes:
        right = real(self, index)
        return right[:-1] + bytes([right[-1] ^ 1])

    monkeypatch.setattr(AccountDeriver, "destination", destination)
    master_key = new_master_key()
    with pytest.raises(AddressMismatch), transaction.atomic():
        issue_address(master_key.book_id, BITCOIN)
    assert not Address.objects.filter(book_id=master_key.book_id).exists()
    assert _alarms(master_key.book_id) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_issuing_gives_each_index_once_and_loses_none(new_master_key: Callable[[], MasterKey]) -> None:
    book_id = new_master_key().book_id
    start, errors = threading.Barrier(4), []

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(25):
                with transaction.atomic():
                    issue_address(book_id, BITCOIN)
                    if turn % 5 == number:
                        transaction.set_rollback(True)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    master_key = MasterKey.objects.get(book_id=book_id)
    issued, free = _issued(master_key), _free(master_key)
    assert master_key.issued == len(issued) == 80
    assert sorted(issued + free) == list(range(master_key.next_index)), "none twice, none lost"
    assert len(free) < issuing.FEW + issuing.BATCH + len(threads) <= 20, "a wallet's search reaches beyond them"


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_an_index_is_free(new_master_key: Callable[[], MasterKey]) -> None:
    """Even while one that has handed out the next batch, and so locked the key, takes its time to commit."""
    master_key = new_master_key()
    issue_address(master_key.book_id, BITCOIN)
    with transaction.atomic():
        held = [issue_address(master_key.book_id, BITCOIN) for _ in range(issuing.BATCH)]
        refilled = MasterKey.objects.get(pk=master_key.pk).next_index
        threads = [_in_a_thread(lambda: issue_address(master_key.book_id, BITCOIN)) for _ in range(4)]
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        transaction.set_rollback(True)
    assert refilled > 2 * issuing.BATCH, "the key's row was locked"
    first_of_others = held[-1].index + 1
    assert _issued(master_key) == [0, *range(first_of_others, first_of_others + 4)]
    assert issue_address(master_key.book_id, BITCOIN).index == held[0].index, "what was rolled back is free again"


@pytest.mark.django_db(transaction=True)
def test_who_finds_none_free_waits_for_the_batch_of_another(new_master_key: Callable[[], MasterKey]) -> None:
    """... and takes from that one, rather than hand out a further batch."""
    master_key = new_master_key()
    with transaction.atomic():
        issue_address(master_key.book_id, BITCOIN)
        handed_out = MasterKey.objects.get(pk=master_key.pk).next_index
        thread = _in_a_thread(lambda: issue_address(master_key.book_id, BITCOIN))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(30)
    assert _issued(master_key) == [0, 1]
    assert MasterKey.objects.get(pk=master_key.pk).next_index == handed_out


@pytest.mark.django_db
def test_a_key_that_is_active_again_goes_on_with_its_own_free_indexes(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, texts = new_book(), (new_key(), new_key())
    for number, text in enumerate((*texts, texts[0])):
        master_key = import_credential(book, BITCOIN, text, "x")
        assert [issue_address(book.pk, BITCOIN).index for _ in range(2)] == ([0, 1] if number < 2 else [2, 3])
        assert master_key.issued == (2 if number < 2 else 4)


@pytest.mark.django_db(transaction=True)
def test_two_books_import_one_key_at_the_same_moment(new_book: Callable[[], Book], new_key: Callable[..., str]) -> None:
    """The check in Python sees nothing yet in either; the trigger's lock lets one through."""
    for _ in range(5):
        text, books = new_key(), [new_book(), new_book()]
        start = threading.Barrier(2)

        def work(book: Book, text: str = text, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                import_credential(book, BITCOIN, text, "x")
            except issuing.KeysError:
                pass
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(book,)) for book in books]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert MasterKey.objects.filter(book__in=books).count() == 1


@pytest.mark.django_db
def test_threat_35_1000_swapped_addresses_0_shown_1000_alarms(
    new_master_key: Callable[[], MasterKey], new_key: Callable[..., str]
) -> None:
    """Text and destination are replaced consistently, by addresses of the thief's own key."""
    master_key = new_master_key()
    book_id = master_key.book_id
    for _ in range(1000):
        issue_address(book_id, BITCOIN)
    stored = list(Address.objects.filter(book_id=book_id))
    assert len(verified_many(stored)) == 1000
    thief = deriver(new_master_key().credential(), BITCOIN)
    for address in stored:
        text, destination = thief.address(address.index)
        _tamper("UPDATE keys_address SET text = %s, destination = %s WHERE id = %s", text, destination, address.pk)
    swapped = list(Address.objects.filter(book_id=book_id))
    assert {a.text for a in swapped}.isdisjoint(a.text for a in stored)
    assert verified_many(swapped) == {}
    assert _alarms(book_id) == 1000
    with pytest.raises(AddressMismatch):
        verified(swapped[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "text = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'",
        "text = upper(text)",
        "destination = destination || '\\x00'::bytea",
        "index = index + 1",
        "chain = 'litecoin-regtest'",
        "chain = 'no-such-chain'",
        "book_id = book_id + 1000000",
        "master_key_id = master_key_id + 1000000",
    ],
)
def test_threat_35_any_swapped_column_is_noticed(change: str, new_master_key: Callable[[], MasterKey]) -> None:
    master_key = new_master_key()
    good, bad = issue_address(master_key.book_id, BITCOIN), issue_address(master_key.book_id, BITCOIN)
    _tamper(f"UPDATE keys_address SET {change} WHERE id = %s", bad.pk)  # noqa: S608
    bad.refresh_from_db()
    assert verified_many([good, bad]) == {good.pk: good.text}
    with pytest.raises(AddressMismatch):
        verified(bad)
    assert AddressAlarm.objects.filter(address_id=bad.pk).count() == 1, "the same finding twice in an hour is one alarm"


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["the thief's own", "noise"])
def test_threat_35_a_swapped_key_is_noticed(whose: str, new_master_key: Callable[[], MasterKey]) -> None:
    victim, thief = new_master_key(), new_master_key()
    address = issue_address(victim.book_id, BITCOIN)
    sealed = bytes(thief.sealed_key) if whose == "the thief's own" else b"noise" * 20
    _tamper("UPDATE keys_masterkey SET sealed_key = %s WHERE id = %s", sealed, victim.pk)
    with pytest.raises(AddressMismatch):
        verified(address)
    assert _alarms(victim.book_id) == 1


@pytest.mark.django_db
def test_an_alarm_survives_the_callers_rollback(new_master_key: Callable[[], MasterKey]) -> None:
    book_id = new_master_key().book_id
    with transaction.atomic():
        address = issue_address(book_id, BITCOIN)
        _tamper("UPDATE keys_address SET text = 'x' WHERE id = %s", address.pk)
        address.refresh_from_db()
        with pytest.raises(AddressMismatch):
            verified(address)
        transaction.set_rollback(True)
    assert not Address.objects.filter(book_id=book_id).exists()
    assert _alarms(book_id) == 1


@pytest.mark.django_db
def test_queries(new_master_key: Callable[[], MasterKey], django_assert_num_queries: Any) -> None:
    """One statement takes the index, one stores the address; a list costs one query for its keys.

    Before the first, and once a batch, one hands out further indexes.
    """
    book_id = new_master_key().book_id
    issue_address(book_id, BITCOIN)
    with django_assert_num_queries(2 * issuing.BATCH + 1):
        for _ in range(issuing.BATCH):
            issue_address(book_id, BITCOIN)
    addresses = [issue_address(book_id, BITCOIN) for _ in range(9)]
    with django_assert_num_queries(1):
        verified_many(addresses)
