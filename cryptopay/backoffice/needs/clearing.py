"""Accounts that must come back to zero and have not: suspense, coins in transit. Those over their days are urgent."""

from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, listed, page
from cryptopay.backoffice.scoping import books_where, permission_to
from ledger import clearing
from ledger.models import Account
from ledger.readonly import amount


def draw(request: HttpRequest) -> Need:
    found = clearing.uncleared(books_where(request, permission_to("view", Account)), limit=SHOWN)
    rows: list[Row] = [
        (
            page(each.account),
            each.account.name,
            amount(each.base_units, each.account.asset),
            f"over its {each.days} days" if each.overdue else f"to be zero within {each.days} days",
            age(each.since),
        )
        for each in found
    ]
    empty = "Suspense and every other clearing account is at zero."
    more = listed(Account, "?clearing=open")
    return Need("To be cleared", "rule", empty, rows, more, urgent=any(each.overdue for each in found))


ASKED = Asked(Account, draw)
