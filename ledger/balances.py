"""Reading balances: one indexed row, however long the history; at a past date, one small row a day.

    balance(account)                     now
    balance(account, as_of=...)          what had happened by the end of a day (UTC), or by a moment
    balance(account, known_at=...)       what was on record at a moment: entries recorded later are left out
    statement(account, first, last)      opening, every posting in order of its date with the running balance, closing
    trial_balance(book_id, as_of=...)    every account with its debits and credits; equal in each asset
    moved(book_id, accounts, as_of)      the debits and credits of some accounts, in one query
    totals(book_id, as_of)               all debits and all credits, asset by asset

All amounts are base units of the account's asset, in the account's normal direction where one number stands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from ledger import spans
from ledger.models import Account, Asset, Balance, Day, Posting
from ledger.money import TotalField

_LAYERS = Posting.Layer
DEBIT_NORMAL = (Account.Kind.ASSET, Account.Kind.EXPENSE)
"""Debits raise these accounts; credits raise the others."""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account's balance in base units, in its normal direction."""

    posted: int
    pending_in: int
    pending_out: int

    @property
    def available(self) -> int:
        """What may be spent: validated, less what is promised."""
        return self.posted - self.pending_out


@dataclass(frozen=True, slots=True)
class Line:
    """One posted leg on a statement; `balance` is the running balance in order of dates."""

    posting: Posting
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account from `first` to `last`, both days included (UTC). opening +- debits and credits = closing."""

    account: Account
    first: date
    last: date
    opening: int
    debits: int
    credits: int
    closing: int
    postings: QuerySet[Posting] = field(repr=False)

    def lines(self, *, after: Posting | None = None, limit: int | None = None) -> Iterator[Line]:
        """In order of date, then of recording; from the line behind `after`, at most `limit` of them."""
        postings, before = self.postings, self.opening
        if after is not None:
            later = Q(effective_at__gt=after.effective_at) | Q(
                effective_at=after.effective_at, account_seq__gt=after.account_seq
            )
            before += _change(self.account, postings.exclude(later))
            postings = postings.filter(later)
        return self._running(postings[:limit] if limit else postings, before)

    def _running(self, postings: QuerySet[Posting], balance: int) -> Iterator[Line]:
        for posting in postings.iterator(chunk_size=2000):
            balance += _sign(self.account) * (posting.debit - posting.credit)
            yield Line(posting, balance)


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """All that was debited and credited to an account; `balance` is debit less credit, so that an asset sums to 0."""

    account: Account
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit

    @property
    def held(self) -> int:
        """The same in the account's normal direction."""
        return _sign(self.account) * self.balance


@dataclass(frozen=True, slots=True)
class AssetTotal:
    """All debits and all credits of a book in one asset. Invariant: they are equal."""

    asset: Asset
    debits: int
    credits: int


def balance(
    account: Account, *, as_of: date | datetime | None = None, known_at: datetime | None = None
) -> AccountBalance:
    """Now, or as of the end of a day (UTC) or a moment, or as it was on record at a moment.

    `known_at`, and pending amounts of the past, are summed from the account's postings. Raises `ValueError` for a
    moment without a time zone.
    """
    if as_of is None and known_at is None:
        now = Balance.objects.filter(book_id=account.book_id, account=account)
        return AccountBalance(*now.values_list("posted", "pending_in", "pending_out").get())
    postings = Posting.objects.filter(book_id=account.book_id, account=account)
    if as_of is not None:
        postings = postings.filter(_until(as_of))
    if known_at is not None:
        postings = postings.filter(entry__book_id=account.book_id, entry__recorded_at__lte=_aware(known_at))
        posted = _change(account, postings.filter(layer=_LAYERS.POSTED))
    else:
        posted = _posted(account, as_of)
    return AccountBalance(
        posted,
        _change(account, postings.filter(layer=_LAYERS.PENDING_IN)),
        -_change(account, postings.filter(layer=_LAYERS.PENDING_OUT)),
    )


def statement(account: Account, first: date, last: date) -> Statement:
    """The account's posted legs from `first` to `last`, both included. Raises `ValueError` if `last` lies before."""
    if last < first:
        raise ValueError("a period ends after it begins")
    days = Day.objects.filter(book_id=account.book_id, account=account, day__range=(first, last))
    moved = days.aggregate(debits=_sum("debit"), credits=_sum("credit"))
    opening = _posted(account, first - timedelta(days=1))
    postings = Posting.objects.filter(
        Q(effective_at__gte=spans.begin_of(first), effective_at__lt=spans.end_of(last)),
        book_id=account.book_id,
        account=account,
        layer=_LAYERS.POSTED,
    )
    return Statement(
        account=account,
        first=first,
        last=last,
        opening=opening,
        debits=moved["debits"],
        credits=moved["credits"],
        closing=opening + _sign(account) * (moved["debits"] - moved["credits"]),
        postings=postings.select_related("entry").order_by("effective_at", "account_seq"),
    )


def trial_balance(book_id: int, as_of: date | None = None) -> list[TrialBalanceRow]:
    """Every account of a book, by asset and code, with all it was debited and credited by the end of a day (UTC)."""
    return trial_balances([book_id], as_of)


def trial_balances(book_ids: Iterable[int], as_of: date | None = None) -> list[TrialBalanceRow]:
    """The trial balances of several books, one after the other."""
    books = list(book_ids)
    days = Day.objects.filter(Q(day__lte=as_of) if as_of else Q(), book__in=books)
    sums = {account: found for account, *found in _by_account(days)}
    accounts = Account.objects.filter(book__in=books).select_related("book", "asset")
    return [
        TrialBalanceRow(account, *sums.get(account.pk, (0, 0)))
        for account in accounts.order_by("book__name", "book", "asset__code", "asset", "code")
    ]


def totals(book_id: int, as_of: date | None = None) -> list[AssetTotal]:
    """All debits and all credits of a book by the end of a day (UTC), asset by asset."""
    days = Day.objects.filter(Q(day__lte=as_of) if as_of else Q(), book_id=book_id, account__book=F("book"))
    sums = days.order_by().values_list("account__asset").annotate(debits=_sum("debit"), credits=_sum("credit"))
    assets = Asset.objects.in_bulk([asset for asset, *_ in sums])
    found = [AssetTotal(assets[asset], int(debit), int(credit)) for asset, debit, credit in sums]
    return sorted(found, key=lambda total: (total.asset.code, total.asset.pk))


def moved(book_id: int, accounts: Iterable[Account], as_of: date | None = None) -> dict[int, tuple[int, int]]:
    """All that was debited and credited to these accounts of a book by the end of a day (UTC), by their ids."""
    found = {account.pk: (0, 0) for account in accounts}
    days = Day.objects.filter(Q(day__lte=as_of) if as_of else Q(), book_id=book_id, account__in=list(found))
    return found | {account: (debit, credit) for account, debit, credit in _by_account(days)}


def _by_account(days: QuerySet[Day]) -> Iterator[tuple[int, int, int]]:
    """Account, debits and credits of these days."""
    sums = days.order_by().values_list("account").annotate(debits=_sum("debit"), credits=_sum("credit"))
    return ((account, int(debit), int(credit)) for account, debit, credit in sums)


def _posted(account: Account, as_of: date | datetime | None) -> int:
    """From the days, and for a moment from the postings of its own day."""
    days = Day.objects.filter(book_id=account.book_id, account=account)
    if not isinstance(as_of, datetime):
        return _change(account, days.filter(day__lte=as_of) if as_of else days)
    today = _aware(as_of).astimezone(UTC).date()
    since_midnight = Posting.objects.filter(
        _until(as_of),
        book_id=account.book_id,
        account=account,
        layer=_LAYERS.POSTED,
        effective_at__gte=spans.begin_of(today),
    )
    return _change(account, days.filter(day__lt=today)) + _change(account, since_midnight)


def _change(account: Account, rows: QuerySet[Any]) -> int:
    """What the debits and credits of these rows add to the account."""
    moved = rows.order_by().aggregate(debits=_sum("debit"), credits=_sum("credit"))
    return _sign(account) * int(moved["debits"] - moved["credits"])


def _sum(column: str, which: Q | None = None) -> Coalesce:
    return Coalesce(Sum(column, filter=which), Value(0), output_field=TotalField())


def _sign(account: Account) -> int:
    return 1 if account.kind in DEBIT_NORMAL else -1


def _until(as_of: date | datetime) -> Q:
    if isinstance(as_of, datetime):
        return Q(effective_at__lte=_aware(as_of))
    return Q(effective_at__lt=spans.end_of(as_of))


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment
