"""Taking in what a merchant gives for a chain. A person compares the first addresses with those of their wallet."""

from django.db import IntegrityError, connection, models, transaction

from keys import encryption
from keys.derivation import deriver
from keys.errors import CredentialInUse
from keys.formats import Credential, format_of
from keys.models import MasterKey, fingerprint_of
from monitor.chains import Chain

SHOWN = 3


def read(chain: Chain, text: str, form: str = "") -> Credential:
    """The credential in `text`, its parts one a line (`Format.read`). Raises `InvalidCredential`, `UnknownFamily`."""
    return format_of(chain).read(text, chain, form)


def first_addresses(master_key: MasterKey) -> list[str]:
    """For comparison with the wallet the key came from. Raises `SealedKeyUnreadable`."""
    derive = deriver(master_key.credential(), master_key.chain_row)
    return [derive.address(index)[0] for index in range(SHOWN)]


def check_free(book_id: int, credential: Credential) -> None:
    """Raises `CredentialInUse` where another book holds it: two merchants would give out the same addresses."""
    with connection.cursor() as sql:  # by a door in the wall: it hides the others' keys
        sql.execute("SELECT keys_held_by_another(%s, %s)", [fingerprint_of(credential), book_id])
        held = sql.fetchone()[0]
    if held:
        raise CredentialInUse("This is already in use elsewhere. Use a key of an account of its own.")


def import_credential(book: models.Model, chain: Chain, text: str, label: str, form: str = "") -> MasterKey:
    """Store it sealed, and make it the one that gives out the book's addresses on the chain.

    A key that was active before is retired and kept. One that was retired becomes active again and goes on where it
    stopped; its label stays. Raises `InvalidCredential`, `CredentialInUse`.
    """
    credential = read(chain, text, form)
    check_free(book.pk, credential)
    try:
        with transaction.atomic():
            return _store(book.pk, chain, credential, label)
    except IntegrityError:
        raise CredentialInUse("This is being imported at this moment. Look whether it is there now.") from None


def _store(book_id: int, chain: Chain, credential: Credential, label: str) -> MasterKey:
    of_chain = MasterKey.objects.select_for_update().filter(book_id=book_id, chain=chain.code)
    known = of_chain.filter(fingerprint=fingerprint_of(credential), form=credential.form).first()
    of_chain.filter(active=True).update(active=False)
    if known:
        known.active = True
        known.save(update_fields=["active"])
        return known
    return MasterKey.objects.create(
        book_id=book_id,
        chain=chain.code,
        label=label,
        sealed_key=encryption.seal(credential.payload, book_id=book_id, chain=chain.code),
        key_version=encryption.KEY_VERSION,
        fingerprint=fingerprint_of(credential),
        form=credential.form,
        path=credential.path,
    )
