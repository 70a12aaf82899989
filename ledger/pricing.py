"""Prices by hand: what one coin was worth in an entry, said by a person, with a reason.

    price(entry, asset, price, ...)    kept at once, or proposed to a second person
    assets_of(entry)                 what there is to price in it
    choose_method(book, method, ...)   how the cost of what leaves is counted from a day on

An entry without a rate may be priced, and one that was written by hand, whatever its rate: an opening balance carries
the cost it was bought at. Lots are counted anew from there (`ledger.lots`).
"""

from datetime import UTC, date
from decimal import Decimal, localcontext

from django.db import transaction
from django.db.models import QuerySet, Sum

from ledger import asking, periods, rates
from ledger.errors import EntryPriced, PeriodClosed, UnknownAccount
from ledger.journal import ledger_errors
from ledger.manual import SOURCE
from ledger.models import Asset, Book, CostMethod, EntryPrice, JournalEntry, Posting, Proposal
from ledger.money import to_decimal

_EXACT_DIGITS = 200


def price(entry: JournalEntry, asset: Asset, price: Decimal, *, reason: str, by: str) -> EntryPrice | Proposal:
    """The price of one whole unit in the book's currency, or what a second person must approve: above the book's limit.

    Raises `EntryPriced` if the entry has a rate and is not by hand; `PeriodClosed` if it had a price and its day is
    closed; `RateInvalid`, `ReasonMissing`; `UnknownAccount` if it moved nothing of that asset.
    """
    rates.check_price(price)
    _check(entry, asset)
    if _worth(entry, asset, price) <= entry.book.second_person_above:
        return _keep(entry, asset, price, reason=asking.given(reason), by=asking.named(by))
    with transaction.atomic():
        asking.alone(entry.book_id)
        contents = {
            "idem": f"price:{entry.pk}:{asset.pk}:{price}:{_times(entry)}",
            "entry": entry.pk,
            "asset": asset.pk,
            "asset_code": asset.code,
            "price": f"{price:f}",
            "description": entry.description,
        }
        return asking.ask(entry.book_id, Proposal.Kind.PRICE, contents, reason=reason, by=by)


def write_price(proposal: Proposal, by: str) -> None:
    """Carry out an approved price. For `ledger.proposals` alone."""
    asked = proposal.contents
    entry = JournalEntry.objects.get(book_id=proposal.book_id, pk=asked["entry"])
    asset = Asset.objects.get(pk=asked["asset"])
    _check(entry, asset)
    _keep(
        entry,
        asset,
        Decimal(asked["price"]),
        reason=proposal.reason,
        by=proposal.asked_by,
        approved_by=by,
        proposal=proposal,
    )


def assets_of(entry: JournalEntry) -> QuerySet[Asset]:
    """The coins it moved: all but the book's own currency."""
    legs = Posting.objects.filter(book_id=entry.book_id, entry=entry, layer=Posting.Layer.POSTED)
    coins = Asset.objects.filter(pk__in=legs.values("asset"))
    return coins.exclude(chain="", contract=entry.book.currency).order_by("code", "pk")


def choose_method(book: Book, method: CostMethod.Method, from_day: date, *, reason: str, by: str) -> CostMethod:
    """From that day (UTC) on. Raises `PeriodClosed`, `ReasonMissing`."""
    with ledger_errors(), transaction.atomic():
        row = CostMethod(book=book, method=method, from_day=from_day, reason=asking.given(reason), by=asking.named(by))
        row.save()
        return row


def _check(entry: JournalEntry, asset: Asset) -> None:
    if entry.kind not in (JournalEntry.Kind.POST, JournalEntry.Kind.SETTLE) or not _moved(entry, asset):
        raise UnknownAccount(f"this entry moved no {asset.code}")
    if entry.rate_id is not None and entry.source != SOURCE:
        raise EntryPriced("the entry carries a rate of its own")
    had_one = entry.rate_id is not None or EntryPrice.objects.filter(book=entry.book, entry=entry, asset=asset).exists()
    closed = periods.closed_through(entry.book_id)
    if had_one and closed is not None and entry.effective_at.astimezone(UTC).date() <= closed:
        raise PeriodClosed("the books are closed on that date")


def _keep(
    entry: JournalEntry,
    asset: Asset,
    price: Decimal,
    *,
    reason: str,
    by: str,
    approved_by: str = "",
    proposal: Proposal | None = None,
) -> EntryPrice:
    row = EntryPrice(
        book_id=entry.book_id,
        entry=entry,
        asset=asset,
        price=price,
        reason=reason,
        by=by,
        approved_by=approved_by,
        proposal=proposal,
    )
    row.save()
    return row


def _times(entry: JournalEntry) -> int:
    """It was priced before."""
    return EntryPrice.objects.filter(book_id=entry.book_id, entry=entry).count()


def _worth(entry: JournalEntry, asset: Asset, price: Decimal) -> Decimal:
    with localcontext(prec=_EXACT_DIGITS):
        return to_decimal(_moved(entry, asset), asset.decimals) * price


def _moved(entry: JournalEntry, asset: Asset) -> int:
    """Base units debited, which are those credited."""
    legs = Posting.objects.filter(book_id=entry.book_id, entry=entry, asset=asset, layer=Posting.Layer.POSTED)
    return int(legs.order_by().aggregate(debits=Sum("debit"))["debits"] or 0)
