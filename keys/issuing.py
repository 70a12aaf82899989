"""Giving out addresses, and showing them: an index is taken once, and no address leaves unverified."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from django.db import connection, transaction

from keys.alarms import raise_alarms
from keys.derivation import deriver
from keys.errors import AddressMismatch, DerivationExhausted, KeysError, NoChildKey, NoMasterKey
from keys.formats.extended import HARDENED
from keys.models import Address, AddressAlarm, MasterKey
from monitor.chains import Chain

BATCH = 8
"""Indexes a key hands to its free ones at a time."""
FEW = 8
"""Below so many free ones, the next batch is handed out.

Wallets search for payments until 20 addresses in a row are unused (BIP44's gap limit). FEW + BATCH stays below, so the
indexes that lie free never hide a payment behind them.
"""

_KEY_FIELDS = [field.attname for field in MasterKey._meta.concrete_fields]
_TAKE_FREE_INDEX = f"""
WITH taken AS (
    DELETE FROM keys_freeindex WHERE id = (
        SELECT f.id FROM keys_freeindex f JOIN keys_masterkey m ON m.id = f.master_key_id
        WHERE m.book_id = %(book)s AND m.chain = %(chain)s AND m.active
        ORDER BY f.index LIMIT 1 FOR UPDATE OF f SKIP LOCKED
    ) RETURNING master_key_id, index
)
SELECT {", ".join(_KEY_FIELDS)}, index FROM keys_masterkey m LEFT JOIN taken ON master_key_id = m.id
WHERE m.book_id = %(book)s AND m.chain = %(chain)s AND m.active
"""  # noqa: S608

_HAND_OUT = f"""
WITH handed AS (
    UPDATE keys_masterkey SET next_index = LEAST(next_index + {BATCH}, {HARDENED})
    WHERE next_index = %(seen)s AND id = {{key}}
    RETURNING book_id, chain, id, next_index
)
INSERT INTO keys_freeindex (book_id, chain, master_key_id, index)
SELECT book_id, chain, id, generate_series(%(seen)s, next_index - 1) FROM handed
"""  # noqa: S608
_HAND_OUT_WAITING = _HAND_OUT.format(key="%(key)s")
_HAND_OUT_UNLESS_LOCKED = _HAND_OUT.format(
    key="(SELECT id FROM keys_masterkey WHERE id = %(key)s FOR NO KEY UPDATE SKIP LOCKED)"
)

_ADDRESS_FIELDS = [field.attname for field in Address._meta.concrete_fields]
_STORE_ADDRESS = f"""
INSERT INTO keys_address (book_id, chain, master_key_id, index, text, destination, user_reference)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {", ".join(_ADDRESS_FIELDS)}
"""  # noqa: S608
"""Plain SQL: each invoice comes here, and the ORM would take as long again as PostgreSQL does."""

_LOCK_USER = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_OF_USER = f"""
SELECT {", ".join(f"a.{field}" for field in _ADDRESS_FIELDS)}
FROM keys_address a JOIN keys_masterkey m ON m.id = a.master_key_id
WHERE m.book_id = %s AND m.chain = %s AND m.active AND a.user_reference = %s
"""  # noqa: S608


def chains_with_key(book_id: int) -> set[str]:
    """Codes of the chains on which this book can be given an address."""
    with connection.cursor() as sql:
        sql.execute("SELECT chain FROM keys_masterkey WHERE book_id = %s AND active", [book_id])
        return {code for (code,) in sql.fetchall()}


@transaction.atomic(savepoint=False)
def address_for(book_id: int, chain: Chain, user_reference: str) -> Address:
    """The address of this user on this chain: made when it is first asked for, and the same ever after.

    Callers at the same moment get the same one. Where the book's key is replaced, so is the address: the wallet behind
    the former key may be lost. The former address stays the user's, and is watched as every other. Raises as
    `issue_address` does, and `ValueError` for an empty reference.
    """
    if not user_reference:
        raise ValueError("an address is for a user, who has a reference")
    with connection.cursor() as sql:
        sql.execute(_LOCK_USER, [f"keys_address|{book_id}|{chain.code}|{user_reference}"])
        sql.execute(_OF_USER, [book_id, chain.code, user_reference])
        row = sql.fetchone()
    return Address.from_db("default", _ADDRESS_FIELDS, row) if row else issue_address(book_id, chain, user_reference)


@transaction.atomic(savepoint=False)
def issue_address(book_id: int, chain: Chain, user_reference: str = "") -> Address:
    """The lowest free address of the book's active key. No index is ever lost: the caller's rollback frees it again.

    Callers at the same moment take different indexes and do not wait for each other. One in `BATCH` also locks the row
    of the key, until its transaction ends; only where no index is free meanwhile do others wait for that.
    Raises `NoMasterKey`, `DerivationExhausted`, `SealedKeyUnreadable`, and `AddressMismatch` after writing an alarm.
    """
    while True:
        master_key, index = _take_index(book_id, chain)
        try:
            return _issue(master_key, index, chain, user_reference)
        except NoChildKey:
            continue  # BIP32: "one should proceed with the next value for i"


def _take_index(book_id: int, chain: Chain) -> tuple[MasterKey, int]:
    while True:
        master_key, index = _free_index(book_id, chain)
        exhausted = master_key.next_index == HARDENED
        if index is not None:
            if master_key.next_index - index - 1 < FEW and not exhausted:
                _hand_out(_HAND_OUT_UNLESS_LOCKED, master_key)
            return master_key, index
        if exhausted:
            raise DerivationExhausted(f"The key for {chain.title} has given all its addresses. Import a new one.")
        _hand_out(_HAND_OUT_WAITING, master_key)  # or another has meanwhile: look again


def _free_index(book_id: int, chain: Chain) -> tuple[MasterKey, int | None]:
    """The active key, and its lowest index that is free and not being taken by another; None: there is none."""
    with connection.cursor() as sql:
        sql.execute(_TAKE_FREE_INDEX, {"book": book_id, "chain": chain.code})
        row = sql.fetchone()
    if row is None:
        raise NoMasterKey(f"There is no public key for {chain.title} yet. Import one.")
    return MasterKey.from_db("default", _KEY_FIELDS, row[:-1]), row[-1]


def _hand_out(statement: str, master_key: MasterKey) -> None:
    """Free the key's next batch, unless another did so since `master_key` was read."""
    with connection.cursor() as sql:
        sql.execute(statement, {"key": master_key.pk, "seen": master_key.next_index})


def _issue(master_key: MasterKey, index: int, chain: Chain, user_reference: str) -> Address:
    derive = deriver(master_key.credential(), chain)
    text, destination = derive.address(index)
    if not derive.confirms(index, text, destination):
        found = f"Two derivations of index {index} disagree: this machine miscalculates."
        raise_alarms([AddressAlarm(book_id=master_key.book_id, master_key_id=master_key.pk, found=found)])
        raise AddressMismatch("The new address could not be verified and was not given out.")
    with connection.cursor() as sql:
        sql.execute(
            _STORE_ADDRESS, [master_key.book_id, chain.code, master_key.pk, index, text, destination, user_reference]
        )
        return Address.from_db("default", _ADDRESS_FIELDS, sql.fetchone())


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
    master_keys = {row.pk: row for row in MasterKey.objects.filter(pk__in=list(by_key)).order_by()}
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
        derive = deriver(master_key.credential(), master_key.chain_row)
    except (KeysError, KeyError) as error:
        reason = f"Its key {master_key.pk} cannot be used: {error}"
        return lambda _: reason

    def find(address: Address) -> str:
        if (address.book_id, address.chain) != (master_key.book_id, master_key.chain):
            return f"It stands under another book or chain than its key {master_key.pk}."
        try:
            text, destination = derive.address(address.index)
        except KeysError as error:
            return f"Index {address.index} of key {master_key.pk}: {error}"
        if (address.text, bytes(address.destination)) != (text, destination):
            return f"The row says {address.text}, index {address.index} of key {master_key.pk} is {text}."
        return ""

    return find
