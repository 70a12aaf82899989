"""Accounts that must come back to zero and have not: suspense, coins in transit. Those over their days are urgent."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from ledger import clearing
from ledger.models import Account
from ledger.readonly import amount

HEADING = Heading("To be cleared", "rule")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    return [clearing.open_ones(mine(request, Account))]


def draw(request: HttpRequest, found: Sequence[list[Account]]) -> Need:
    uncleared = clearing.uncleared(found[0], limit=SHOWN)
    rows: list[Row] = [
        (
            page(each.account),
            each.account.name,
            amount(each.base_units, each.account.asset),
            f"over its {each.days} days" if each.overdue else f"to be zero within {each.days} days",
            age(each.since),
        )
        for each in uncleared
    ]
    empty = "Suspense and every other clearing account is at zero."
    more = listed(Account, "?clearing=open")
    return Need(HEADING, empty, rows, more, urgent=any(each.overdue for each in uncleared))


ASKED = Asked(HEADING, Account, find, draw)
