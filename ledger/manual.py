"""Entries by hand. Above the book's limit, or without a price, a second person must approve.

    enter      a new entry, posted at once or proposed
    reverse    what any entry posted is taken back by a further one, posted at once or proposed

An entry by hand has source "manual"; its `meta` keeps who wrote it (`by`), the `reason`, and after an approval
`approved_by` and `proposal`. It is never carried out of a closed period: that is refused with `PeriodClosed`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from ledger import asking, journal, rates
from ledger.errors import BelowFloor, EntryDerived, IdempotencyConflict, RateError, UnknownAccount
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Book, JournalEntry, Posting, Proposal
from ledger.money import to_decimal

SOURCE = "manual"
DERIVED = ("valuation", "revaluation")
"""Sources of entries that follow from other entries."""
_EXACT_DIGITS = 200
"""More than an amount of 78 digits, 255 decimals of a token apart, times a price of 38 digits."""


def enter(
    book: Book,
    legs: Sequence[Leg],
    *,
    effective_at: datetime,
    description: str,
    reason: str,
    by: str,
    idem: str | None = None,
) -> JournalEntry | Proposal:
    """The entry, or what a second person must approve. The same `idem` twice is written, or asked, once.

    Legs may be of several assets, each balanced. Raises `ReasonMissing` and what `journal.post` raises; only a floor is
    left to the approval, for money may come in meanwhile. Raises `ValueError` for a moment without a time zone.
    """
    key = f"{SOURCE}:{idem or uuid4().hex}"
    entry = Entry(
        book_id=book.pk,
        idem=key,
        legs=legs,
        effective_at=_aware(effective_at),
        description=description,
        source=SOURCE,
        rate_id=_rate_id(book, legs, effective_at),
        meta=_signed(reason, by),
    )
    with transaction.atomic():
        if _written(book.pk, key) or not needs_second_person(book, legs):
            return _read(book.pk, journal.post(entry))
        asking.alone(book.pk)
        if _written(book.pk, key):  # another approved it while we waited
            return _read(book.pk, journal.post(entry))
        _rehearse(lambda: journal.post(replace(entry, idem=uuid4().hex)))
        return asking.ask(book.pk, Proposal.Kind.ENTRY, _contents(entry), reason=reason, by=by)


def reverse(
    entry: JournalEntry,
    *,
    reason: str,
    by: str,
    effective_at: datetime | None = None,
    idem: str | None = None,
) -> JournalEntry | Proposal:
    """The reversing entry, or what a second person must approve; effective now, when approved, or at `effective_at`.

    Raises `ReasonMissing`, `NotReversible`, `AlreadyReversed`, `PeriodClosed`, `BelowFloor`, `IdempotencyConflict`,
    `EntryDerived` for an entry that was posted from lots.
    """
    if entry.source in DERIVED:
        raise EntryDerived("a gain follows from other entries: correct those, and it is corrected by itself")
    key = f"{SOURCE}:{idem or uuid4().hex}"
    meta = _signed(reason, by)
    with transaction.atomic():
        if known := _reversed_by(entry, key):
            return known
        if not needs_second_person(entry.book, _posted_legs(entry)):
            return _read(entry.book_id, journal.reverse(_reversal(entry, key, effective_at, meta)))
        asking.alone(entry.book_id)
        if known := _reversed_by(entry, key):
            return known
        _rehearse(lambda: journal.reverse(_reversal(entry, uuid4().hex, effective_at, meta)))
        contents = {
            "idem": key,
            "entry": entry.pk,
            "description": entry.description,
            "effective_at": _aware(effective_at).isoformat() if effective_at else None,
        }
        return asking.ask(entry.book_id, Proposal.Kind.REVERSAL, contents, reason=reason, by=by)


def needs_second_person(book: Book, legs: Sequence[Leg]) -> bool:
    """Whether these legs are worth more than the book's limit, or nobody can say what they are worth."""
    value = worth(book, legs)
    return value is None or value > book.second_person_above


def worth(book: Book, legs: Sequence[Leg]) -> Decimal | None:
    """What the entry moves, in the book's currency at today's rates, unrounded; None if an asset has no price.

    Of each asset the larger side counts, and assets are added up: an exchange of 600 EUR in one coin for 600 EUR in
    another is worth 1200.
    """
    moved = _moved(legs)
    with localcontext(prec=_EXACT_DIGITS):
        values = [_value(book, asset, base_units) for asset, base_units in moved.items()]
        return None if None in values else sum((value for value in values if value is not None), Decimal(0))


def write_entry(proposal: Proposal, by: str) -> int:
    """Carry out an approved entry; its id. For `ledger.proposals` alone."""
    asked = proposal.contents
    legs, effective_at = _legs(proposal), datetime.fromisoformat(asked["effective_at"])
    book = proposal.book
    return journal.post(
        Entry(
            book_id=book.pk,
            idem=asked["idem"],
            legs=legs,
            effective_at=effective_at,
            description=asked["description"],
            source=SOURCE,
            rate_id=_rate_id(book, legs, effective_at),
            meta=_approved(proposal, by),
        )
    )


def write_reversal(proposal: Proposal, by: str) -> int:
    """Carry out an approved reversal; its id. For `ledger.proposals` alone."""
    asked = proposal.contents
    entry = _read(proposal.book_id, asked["entry"])
    effective_at = datetime.fromisoformat(asked["effective_at"]) if asked["effective_at"] else None
    return journal.reverse(_reversal(entry, asked["idem"], effective_at, _approved(proposal, by)))


def _rehearse(write: Callable[[], int]) -> None:
    """Refuse now what could not be carried out, and leave no trace."""
    try:
        with transaction.atomic():
            write()
            transaction.set_rollback(True)
    except BelowFloor:
        return


def _contents(entry: Entry) -> dict[str, Any]:
    return {
        "idem": entry.idem,
        "description": entry.description,
        "effective_at": entry.effective_at.isoformat(),
        "legs": [
            {
                "account": leg.account.pk,
                "code": leg.account.code,
                "asset": leg.account.asset.code,
                "debit": str(leg.debit),
                "credit": str(leg.credit),
            }
            for leg in entry.legs
        ],
    }


def _legs(proposal: Proposal) -> list[Leg]:
    asked = proposal.contents["legs"]
    accounts = Account.objects.filter(book_id=proposal.book_id).select_related("asset")
    found = accounts.in_bulk([leg["account"] for leg in asked])
    try:
        return [Leg(found[leg["account"]], int(leg["debit"]), int(leg["credit"])) for leg in asked]
    except KeyError as missing:
        raise UnknownAccount(f"no account {missing} in this book") from None


def _reversal(entry: JournalEntry, idem: str, effective_at: datetime | None, meta: Mapping[str, Any]) -> Resolution:
    return Resolution(
        book_id=entry.book_id,
        entry=entry.pk,
        idem=idem,
        effective_at=_aware(effective_at) if effective_at else timezone.now(),
        description=f"Reversed: {entry.description}"[:300],
        source=SOURCE,
        meta=meta,
    )


def _reversed_by(entry: JournalEntry, idem: str) -> JournalEntry | None:
    """What was written under that key, if it reverses this entry. Raises `IdempotencyConflict` if it does not."""
    known = JournalEntry.objects.filter(book_id=entry.book_id, idem=idem).first()
    if known is not None and known.ref_id != entry.pk:
        raise IdempotencyConflict(f"entry {idem} exists with other contents")
    return known


def _posted_legs(entry: JournalEntry) -> list[Leg]:
    postings = Posting.objects.filter(book_id=entry.book_id, entry=entry, layer=Posting.Layer.POSTED)
    return [Leg(row.account, row.debit, row.credit) for row in postings.select_related("account__asset")]


def _signed(reason: str, by: str) -> dict[str, Any]:
    return {"by": asking.named(by), "reason": asking.given(reason)}


def _approved(proposal: Proposal, by: str) -> dict[str, Any]:
    return _signed(proposal.reason, proposal.asked_by) | {"approved_by": by, "proposal": proposal.pk}


def _moved(legs: Sequence[Leg]) -> dict[Asset, int]:
    debited, credited = defaultdict[Asset, int](int), defaultdict[Asset, int](int)
    for leg in legs:
        debited[leg.account.asset] += leg.debit
        credited[leg.account.asset] += leg.credit
    return {asset: max(debited[asset], credited[asset]) for asset in debited}


def _value(book: Book, asset: Asset, base_units: int) -> Decimal | None:
    if _is_money(book, asset):
        return to_decimal(base_units, asset.decimals)
    try:
        return to_decimal(base_units, asset.decimals) * rates.current(book.pk, asset.code, book.currency).price
    except RateError:
        return None


def _is_money(book: Book, asset: Asset) -> bool:
    """The book's own currency is worth itself; a token that calls itself EUR is not it."""
    return not asset.chain and asset.contract == asset.code == book.currency


def _rate_id(book: Book, legs: Sequence[Leg], effective_at: datetime) -> int | None:
    """The rate of that moment, where one asset is moved and the rate is known."""
    assets = list(_moved(legs))
    if len(assets) != 1 or _is_money(book, assets[0]):
        return None
    try:
        return rates.current(book.pk, assets[0].code, book.currency, now=effective_at).pk
    except RateError:
        return None


def _written(book_id: int, idem: str) -> bool:
    return JournalEntry.objects.filter(book_id=book_id, idem=idem).exists()


def _read(book_id: int, entry_id: int) -> JournalEntry:
    return JournalEntry.objects.get(book_id=book_id, pk=entry_id)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment.astimezone(UTC)
