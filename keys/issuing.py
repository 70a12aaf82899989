"""Giving out addresses, and showing them: an index is taken once, and no address leaves unverified."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from django.db import connection, transaction

from keys.alarms import raise_alarms
from keys.derivation import Deriver
from keys.errors import AddressMismatch, DerivationExhausted, KeysError, NoChildKey, NoMasterKey
from keys.formats.extended import HARDENED
from keys.models import Address, AddressAlarm, MasterKey
from monitor.chains import Chain

_TAKE_NEXT_INDEX = f"""
UPDATE keys_masterkey SET next_index = next_index + 1
WHERE book_id = %s AND chain = %s AND active AND next_index < {HARDENED}
RETURNING *
"""  # noqa: S608


def chains_with_key(book_id: int) -> set[str]:
    """Codes of the chains on which this book can be given an address."""
    with connection.cursor() as sql:
        sql.execute("SELECT chain FROM keys_masterkey WHERE book_id = %s AND active", [book_id])
        return {code for (code,) in sql.fetchall()}


@transaction.atomic(savepoint=False)
def issue_address(book_id: int, chain: Chain) -> Address:
    """The next address of the book's active key. Indexes are gap-free: the caller's rollback returns the index, too.

    The row of the key is locked until the caller's transaction ends; keep that transaction short.
    Raises `NoMasterKey`, `DerivationExhausted`, `SealedKeyUnreadable`, and `AddressMismatch` after writing an alarm.
    """
    while True:
        master_key = _take_index(book_id, chain)
        try:
            return _issue(master_key, master_key.next_index - 1, chain)
        except NoChildKey:
            continue  # BIP32: "one should proceed with the next value for i"


def _take_index(book_id: int, chain: Chain) -> MasterKey:
    for master_key in MasterKey.objects.raw(_TAKE_NEXT_INDEX, [book_id, chain.code]):
        return master_key
    if MasterKey.objects.filter(book_id=book_id, chain=chain.code, active=True).exists():
        raise DerivationExhausted(f"The key for {chain.title} has given all its addresses. Import a new one.")
    raise NoMasterKey(f"There is no public key for {chain.title} yet. Import one.")


def _issue(master_key: MasterKey, index: int, chain: Chain) -> Address:
    deriver = Deriver(master_key.extended_key(), chain)
    text, destination = deriver.address(index)
    if not deriver.confirms(index, text, destination):
        found = f"Two derivations of index {index} disagree: this machine miscalculates."
        raise_alarms([AddressAlarm(book_id=master_key.book_id, master_key_id=master_key.pk, found=found)])
        raise AddressMismatch("The new address could not be verified and was not given out.")
    return Address.objects.create(
        book_id=master_key.book_id,
        chain=chain.code,
        master_key=master_key,
        index=index,
        text=text,
        destination=destination,
    )


def verified(address: Address) -> str:
    """The text of the address, after deriving it again from the sealed key. The only way an address may be shown.

    Raises `AddressMismatch` after writing an alarm.
    """
    try:
        return verified_many([address])[address.pk]
    except KeyError:
        raise AddressMismatch("This address does not follow from its key and is withheld.") from None


def verified_many(addresses: Iterable[Address]) -> dict[int, str]:
    """The texts of those addresses that hold, by primary key; an alarm for each of the others, which are left out.

    Each key is fetched, unsealed and parsed once a call.
    """
    by_key: dict[int, list[Address]] = defaultdict(list)
    for address in addresses:
        by_key[address.master_key_id].append(address)
    master_keys = MasterKey.objects.in_bulk(by_key)
    shown: dict[int, str] = {}
    alarms: list[AddressAlarm] = []
    for master_key_id, of_one_key in by_key.items():
        find = _finder(master_keys.get(master_key_id))
        for address in of_one_key:
            found = find(address)
            if found:
                alarms.append(
                    AddressAlarm(
                        book_id=address.book_id, master_key_id=master_key_id, address_id=address.pk, found=found
                    )
                )
            else:
                shown[address.pk] = address.text
    raise_alarms(alarms)
    return shown


def _finder(master_key: MasterKey | None) -> Callable[[Address], str]:
    """Says what is wrong with an address of `master_key`; empty: nothing."""
    if master_key is None:
        return lambda address: f"Its key {address.master_key_id} does not exist."
    try:
        deriver = Deriver(master_key.extended_key(), master_key.chain_row)
    except (KeysError, KeyError) as error:
        reason = f"Its key {master_key.pk} cannot be used: {error}"
        return lambda _: reason

    def find(address: Address) -> str:
        if (address.book_id, address.chain) != (master_key.book_id, master_key.chain):
            return f"It stands under another book or chain than its key {master_key.pk}."
        try:
            text, destination = deriver.address(address.index)
        except KeysError as error:
            return f"Index {address.index} of key {master_key.pk}: {error}"
        if (address.text, bytes(address.destination)) != (text, destination):
            return f"The row says {address.text}, index {address.index} of key {master_key.pk} is {text}."
        return ""

    return find
