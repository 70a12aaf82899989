"""Taking in a merchant's extended public key. A person compares the first addresses with those of their wallet."""

from django.db import IntegrityError, connection, models, transaction

from keys import encryption
from keys.derivation import Deriver
from keys.errors import ExtendedKeyInUse, InvalidExtendedKey
from keys.formats.extended import HARDENED, ExtendedKey, parse
from keys.models import MasterKey, fingerprint_of
from monitor.chains import Chain

SHOWN = 3


def read(chain: Chain, text: str) -> ExtendedKey:
    """The account key in `text`; spaces and line ends around it are those of copying, and ignored.

    An account key is one derived by a hardened step. Below an unhardened one, a single leaked child key and this public
    key together give the private key of the parent (BIP32, "Implications"); above it, wallets would not look for our
    addresses. Raises `InvalidExtendedKey`.
    """
    key = parse(text.strip(), chain)
    if key.child_number < HARDENED:
        raise InvalidExtendedKey(
            f"This is not the key of an account. Export that one; {chain.title} has it at {chain.derivation_path}."
        )
    return key


def first_addresses(master_key: MasterKey) -> list[str]:
    """For comparison with the wallet the key came from. Raises `SealedKeyUnreadable`."""
    deriver = Deriver(master_key.extended_key(), master_key.chain_row)
    return [deriver.address(index)[0] for index in range(SHOWN)]


def check_free(book_id: int, key: ExtendedKey) -> None:
    """Raises `ExtendedKeyInUse` where another book holds the key: two merchants would give out the same addresses."""
    with connection.cursor() as sql:  # by a door in the wall: it hides the others' keys
        sql.execute("SELECT keys_held_by_another(%s, %s)", [fingerprint_of(key), book_id])
        held = sql.fetchone()[0]
    if held:
        raise ExtendedKeyInUse("This key is already in use. Export a key of an account of its own.")


def import_extended_key(book: models.Model, chain: Chain, text: str, label: str) -> MasterKey:
    """Store the key sealed, and make it the one that gives out the book's addresses on the chain.

    A key that was active before is retired and kept. A key that was retired becomes active again and goes on where it
    stopped; its label stays. Raises `InvalidExtendedKey`, `ExtendedKeyInUse`.
    """
    key = read(chain, text)
    check_free(book.pk, key)
    try:
        with transaction.atomic():
            return _store(book.pk, chain, key, label)
    except IntegrityError:
        raise ExtendedKeyInUse("This key is being imported at this moment. Look whether it is there now.") from None


def _store(book_id: int, chain: Chain, key: ExtendedKey, label: str) -> MasterKey:
    of_chain = MasterKey.objects.select_for_update().filter(book_id=book_id, chain=chain.code)
    known = of_chain.filter(fingerprint=fingerprint_of(key)).first()
    of_chain.filter(active=True).update(active=False)
    if known:
        known.active = True
        known.save(update_fields=["active"])
        return known
    return MasterKey.objects.create(
        book_id=book_id,
        chain=chain.code,
        label=label,
        sealed_key=encryption.seal(key.payload, book_id=book_id, chain=chain.code),
        key_version=encryption.KEY_VERSION,
        fingerprint=fingerprint_of(key),
        path=_path(key, chain),
    )


def _path(key: ExtendedKey, chain: Chain) -> str:
    """The key knows its depth and last step alone; where these fit the chain's usual path, the rest is assumed."""
    *usual, _ = chain.derivation_path.split("/")
    if key.depth != len(usual):
        usual = ["m", *("…" for _ in range(key.depth - 1))]
    return "/".join([*usual, f"{key.child_number - HARDENED}'"])
