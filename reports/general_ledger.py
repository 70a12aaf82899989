"""Every account with its opening balance, all its validated postings in a period, and its closing balance."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import Q, QuerySet, Sum

from ledger import spans
from ledger.models import Account, Day, Posting
from ledger.money import TotalField
from reports import lines
from reports.cells import Money, Place, Row, Total, account_code, amounts, moments, texts
from reports.parameters import ANY_ACCOUNT, FIRST, LAST, Asked
from reports.report import Report

_CHUNK = 2_000
_ORDER = ("code", "asset__code", "asset", "pk")


def rows(asked: Asked) -> Iterator[Row]:
    """By code and asset. Accounts on which nothing is and nothing moved are left out."""
    groups = groupby(_postings(asked).iterator(_CHUNK), key=attrgetter("account_id"))
    before = _before(asked)
    number, legs = next(groups, (None, iter(())))
    for account in _accounts(asked).iterator(_CHUNK):
        moved: Iterator[Any] = iter(())
        if account.pk == number:
            moved = legs
        elif account.pk not in before:
            continue
        yield from _listed(account, lines.signed(account.kind, *before.get(account.pk, (0, 0))), moved, asked)
        if account.pk == number:
            number, legs = next(groups, (None, iter(())))


def _listed(account: Account, opening: int, legs: Iterator[Any], asked: Asked) -> Iterator[Row]:
    unit, balance = account.asset, opening
    debits = credits_ = 0
    named = account_code(account), unit.code
    yield Total([*named, spans.begin_of(asked[FIRST]), "", "Opening balance", None, None, Money.of(opening, unit)])
    for leg in legs:
        balance += lines.signed(account.kind, leg.debit, leg.credit)
        debits, credits_ = debits + leg.debit, credits_ + leg.credit
        yield [
            *(*named, leg.effective_at, lines.entry_name(leg.entry_id), leg.entry__description),
            *(lines.side(leg.debit, account), lines.side(leg.credit, account), Money.of(balance, unit)),
        ]
    sums = [Money.of(units, unit) for units in (debits, credits_)]
    closing = Money.of(balance, unit, Place("explanation", account.pk))
    yield Total([*named, spans.last_moment_of(asked[LAST]), "", "Closing balance", *sums, closing])


def _accounts(asked: Asked) -> QuerySet[Account]:
    return Account.objects.filter(_one(asked, "pk"), book=asked.book).select_related("asset").order_by(*_ORDER)


def _postings(asked: Asked) -> QuerySet[Posting, Any]:
    found = Posting.objects.filter(
        _one(asked, "account"),
        book=asked.book,
        layer=Posting.Layer.POSTED,
        effective_at__gte=spans.begin_of(asked[FIRST]),
        effective_at__lt=spans.end_of(asked[LAST]),
    )
    return found.order_by(*(f"account__{name}" for name in _ORDER), "effective_at", "account_seq").values_list(
        "account_id", "effective_at", "entry_id", "entry__description", "debit", "credit", named=True
    )


def _before(asked: Asked) -> dict[int, tuple[int, int]]:
    """What was debited and credited before the period, by account: only where the two differ."""
    days = Day.objects.filter(_one(asked, "account"), book=asked.book, day__lt=asked[FIRST]).order_by()
    sums = days.values_list("account").annotate(
        debits=Sum("debit", output_field=TotalField()), credits=Sum("credit", output_field=TotalField())
    )
    return {account: (debits, credits_) for account, debits, credits_ in sums if debits != credits_}


def _one(asked: Asked, name: str) -> Q:
    account = asked[ANY_ACCOUNT]
    return Q(**{name: account.pk}) if account else Q()


REPORT = Report(
    "general-ledger",
    "General ledger",
    "The books",
    __doc__ or "",
    [
        *(texts("Account"), texts("Asset"), moments("When"), texts("Entry"), texts("Description")),
        *map(amounts, ("Debit", "Credit", "Balance")),
    ],
    [FIRST, LAST, ANY_ACCOUNT],
    rows,
)
