"""What came with no memo or a wrong one, and is nobody's until a person finds out whose."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from cryptopay.payments import sharing
from cryptopay.payments.models import UnassignedReceipt
from ledger.readonly import amount

HEADING = Heading("Unassigned receipts", "help")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    found = sharing.nobodys(mine(request, UnassignedReceipt)).select_related("asset", "deposit", "account__watched")
    return [found.order_by("pk")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[UnassignedReceipt]]) -> Need:
    rows: list[Row] = [
        (
            page(receipt),
            amount(receipt.base_units, receipt.asset),
            receipt.deposit.memo or "no memo",
            receipt.deposit.sender,
            age(receipt.seen_at),
        )
        for receipt in found[0]
    ]
    empty = "Everything that arrived is somebody's."
    return Need(HEADING, empty, rows, listed(UnassignedReceipt), urgent=bool(rows))


ASKED = Asked(HEADING, UnassignedReceipt, find, draw)
