"""What a merchant needs to find every coin with another program, should this one be gone."""

from dataclasses import dataclass
from itertools import islice

from django.db.models import Max, QuerySet

from keys.formats.accounts import Account
from keys.formats.descriptors import descriptor
from keys.issuing import verified_many
from keys.models import Address, KeyExport, MasterKey

CHUNK = 10_000
"""Addresses verified at a time."""
DESCRIBED = "bitcoin"
"""The family whose programs read descriptors; of the others, the addresses themselves are told."""


@dataclass(frozen=True, slots=True)
class Export:
    """Of one key. `descriptors` are rows as Bitcoin Core's importdescriptors takes them; else there are `addresses`."""

    descriptors: list[dict[str, object]]
    addresses: list[str]
    withheld: int = 0
    """Addresses that do not follow from the key: each has raised an alarm."""


def export(master_key: MasterKey, by: str) -> Export:
    """Every address issued from the key, told so that another program finds its coins. Kept with who asked.

    A descriptor shows the extended public key, and with it all the merchant receives: show it to whoever may see that.
    Raises `SealedKeyUnreadable`.
    """
    KeyExport.objects.create(book_id=master_key.book_id, master_key=master_key, exported_by=by)
    credential = master_key.credential()
    issued = Address.objects.filter(master_key=master_key)
    last = issued.aggregate(last=Max("index"))["last"]
    if last is None:
        return Export([], [])
    if isinstance(credential, Account) and master_key.chain_row.family == DESCRIBED:
        return Export([_importable(master_key, credential, last)], [])
    return _listed(issued)


def _listed(issued: QuerySet[Address]) -> Export:
    shown: list[str] = []
    held = 0
    rows = issued.order_by("index").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        texts = verified_many(chunk)
        shown += texts.values()
        held += len(chunk) - len(texts)
    return Export([], shown, held)


def _importable(master_key: MasterKey, account: Account, last: int) -> dict[str, object]:
    return {
        "desc": descriptor(account, master_key.chain_row),
        "range": [0, last],
        "timestamp": int(master_key.created_at.timestamp()),
        "active": False,
        "internal": False,
    }
