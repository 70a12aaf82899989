"""What must hold on every chain, whatever its family: import, derive, verify, one book alone."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from keys.derivation import deriver
from keys.errors import AddressMismatch, CredentialInUse, DerivationExhausted, InvalidCredential, SealedKeyUnreadable
from keys.formats import format_of
from keys.importing import first_addresses, import_credential, read
from keys.issuing import address_for, issue_address, verified, verified_many
from keys.models import AddressAlarm, MasterKey
from ledger.models import Book
from monitor.chains import CHAINS, Chain
from tests.database import past_triggers

every_chain = pytest.mark.parametrize("chain", CHAINS.values(), ids=str)

pytestmark = pytest.mark.django_db


@every_chain
def test_a_credential_is_restored_as_it_was_and_prints_nothing(
    chain: Chain, new_credential: Callable[..., str]
) -> None:
    text = new_credential(chain)
    credential = read(chain, text)
    restored = format_of(chain).restore(credential.payload, chain)
    assert restored == credential
    assert (restored.identity, restored.form, restored.path) == (credential.identity, credential.form, credential.path)
    assert read(chain, f"  {text}\r\n").identity == credential.identity
    assert read(chain, new_credential(chain)).identity != credential.identity
    if chain.family != "antelope":  # an account's name is no secret
        for secret in (credential.payload, credential.payload.hex(), text):
            assert str(secret) not in f"{credential!r} {credential}"


@every_chain
def test_two_ways_lead_to_each_address_and_no_other(chain: Chain, new_credential: Callable[..., str]) -> None:
    form, derive = format_of(chain), deriver(read(chain, new_credential(chain)), chain)
    other = deriver(read(chain, new_credential(chain)), chain)
    rows = {index: derive.address(index) for index in (0, 1, 2, 255, 256, 65_536, 2**31 - 1)}
    assert len({text for text, _ in rows.values()}) == len({place for _, place in rows.values()}) == len(rows)
    for index, (text, destination) in rows.items():
        assert derive.destination(index) == destination
        assert derive.confirms(index, text, destination)
        assert form.parse(text, chain) == destination
        assert form.text(destination, chain) == text
        for wrong in ((index ^ 1, text, destination), (index, rows[0 if index else 1][0], destination)):
            assert not derive.confirms(*wrong)
        assert not derive.confirms(index, text, rows[0 if index else 1][1])
        assert not other.confirms(index, text, destination)
        assert len(text) <= 100
    for index in (-1, 2**31):
        with pytest.raises(DerivationExhausted):
            derive.address(index)


@every_chain
def test_addresses_are_issued_in_order_and_hold(
    chain: Chain, new_book: Callable[[], Book], new_credential: Callable[..., str]
) -> None:
    book = new_book()
    master_key = import_credential(book, chain, new_credential(chain), "x")
    issued = [issue_address(book.pk, chain) for _ in range(5)]
    assert [address.index for address in issued] == list(range(5))
    assert [address.text for address in issued[:3]] == first_addresses(master_key)
    assert verified_many(issued) == {address.pk: address.text for address in issued}
    anna = address_for(book.pk, chain, "anna")
    assert address_for(book.pk, chain, "anna").pk == anna.pk
    assert not AddressAlarm.objects.filter(book=book).exists()


@every_chain
def test_another_books_credential_is_refused(
    chain: Chain, new_book: Callable[[], Book], new_credential: Callable[..., str]
) -> None:
    text, alice, bob = new_credential(chain), new_book(), new_book()
    import_credential(alice, chain, text, "x")
    with pytest.raises(CredentialInUse) as refusal:
        import_credential(bob, chain, text, "x")
    assert text not in str(refusal.value)
    assert not MasterKey.objects.filter(book=bob).exists()


@every_chain
def test_threat_35_what_does_not_follow_from_the_key_is_withheld(
    chain: Chain, new_book: Callable[[], Book], new_credential: Callable[..., str]
) -> None:
    book, thief = new_book(), deriver(read(chain, new_credential(chain)), chain)
    import_credential(book, chain, new_credential(chain), "x")
    address = issue_address(book.pk, chain)
    forged = thief.address(0)
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = %s, destination = %s WHERE id = %s", [*forged, address.pk])
    address.refresh_from_db()
    assert address.text == forged[0], "the row was swapped"
    with pytest.raises(AddressMismatch):
        verified(address)
    assert AddressAlarm.objects.filter(book=book, address=address).count() == 1


@every_chain
def test_a_form_altered_in_the_database_is_noticed(
    chain: Chain, new_book: Callable[[], Book], new_credential: Callable[..., str]
) -> None:
    master_key = import_credential(new_book(), chain, new_credential(chain), "x")
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_masterkey SET form = 'p2tr' WHERE id = %s", [master_key.pk])
    master_key.refresh_from_db()
    with pytest.raises(SealedKeyUnreadable, match="not the one"):
        master_key.credential()


@every_chain
@pytest.mark.parametrize("text", ["", " ", "\n", "x y", "\0", "é" * 50, "1" * 111, "a" * 500, "\N{KELVIN SIGN}" * 12])
def test_what_is_no_credential_is_refused_and_not_repeated(
    chain: Chain, text: str, new_book: Callable[[], Book]
) -> None:
    with pytest.raises(InvalidCredential) as refusal, transaction.atomic():
        import_credential(new_book(), chain, text, "x")
    assert len(text) < 5 or text not in str(refusal.value)
