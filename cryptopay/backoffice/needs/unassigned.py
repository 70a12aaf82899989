"""What came with no memo or a wrong one, and is nobody's until a person finds out whose."""

from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, listed, mine, page
from cryptopay.payments import sharing
from cryptopay.payments.models import UnassignedReceipt
from ledger.readonly import amount


def draw(request: HttpRequest) -> Need:
    found = sharing.nobodys(mine(request, UnassignedReceipt)).select_related("asset", "deposit", "account__watched")
    rows: list[Row] = [
        (
            page(receipt),
            amount(receipt.base_units, receipt.asset),
            receipt.deposit.memo or "no memo",
            receipt.deposit.sender,
            age(receipt.seen_at),
        )
        for receipt in found.order_by("pk")[:SHOWN]
    ]
    empty = "Everything that arrived is somebody's."
    return Need("Unassigned receipts", "help", empty, rows, listed(UnassignedReceipt), urgent=bool(rows))


ASKED = Asked(UnassignedReceipt, draw)
